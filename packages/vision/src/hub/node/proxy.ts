/** `fetch` through the user's proxy: Node's own, before version 24, takes no notice of `HTTPS_PROXY` and its like. */

const VARIABLES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/** Node's `fetch`, or one that follows `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` where a proxy is named. */
export async function proxiedFetch(): Promise<typeof fetch> {
  if (!VARIABLES.some((name) => process.env[name])) return globalThis.fetch;
  const undici = await import("undici");
  // Plain http goes through as proxies know it: many forbid tunnels to anything but https.
  const dispatcher = new undici.EnvHttpProxyAgent({ proxyTunnel: false });
  // undici's types of requests and answers are its own; the objects are the same.
  const send = undici.fetch as unknown as (input: unknown, init: object) => Promise<Response>;
  return (input, init) => send(input, { ...init, dispatcher });
}
