/**
 * How the page is bundled: `npx vite build packages/browser-tests`, and `npx vite preview packages/browser-tests` to see
 * it. The build fails where a module of Node would come along.
 */

import { defineConfig } from "vite";
import { noNodeModules } from "../../scripts/pack/browser.mjs";

/** What a page's answer must say so that it is cross-origin isolated, which shared memory needs. */
export const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  plugins: [noNodeModules()],
  // Links that work in any folder of any server, and every asset a file.
  base: "./",
  build: { outDir: "dist/page", target: "es2023", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { headers: isolation },
  preview: { headers: isolation },
});
