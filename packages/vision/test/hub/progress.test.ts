/** What a person sees of a download. */

import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { progressView } from "../../dist/hub/node/progress-bar.js";

/** What is written to a stream while `show` uses a view on it. */
function shown(isTTY: boolean, show: (view: ReturnType<typeof progressView>) => void): string {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 100 });
  show(progressView("net.pth", stream as unknown as NodeJS.WriteStream));
  return String(stream.read());
}

it("is a bar on a terminal, which is left as it was", () => {
  const text = shown(true, (view) => {
    view.update({ received: 0, total: 4e6 });
    view.update({ received: 1e6, total: 4e6 });
    view.end();
    view.end();
  });
  expect(text).toMatch(/net\.pth {2}━{6}─{18} 25% {2}1\.0 MB of 4\.0 MB/);
  // No cursor is hidden, no wrapping switched off.
  expect(text).not.toMatch(/\?25l|\?7l/);
});

it("is a number of bytes where the whole is not known", () => {
  const text = shown(true, (view) => {
    view.update({ received: 1e6, total: undefined });
    view.end();
  });
  expect(text).toMatch(/─{24} 0% {2}1\.0 MB/);
});

it("is one line elsewhere", () => {
  const text = shown(false, (view) => {
    view.update({ received: 0, total: 4e6 });
    view.update({ received: 1e6, total: 4e6 });
    view.say("something");
    view.end();
  });
  expect(text).toBe("downloading net.pth (4.0 MB)\nsomething\n");
});
