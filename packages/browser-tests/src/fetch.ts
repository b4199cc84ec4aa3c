/** Fetches what was bundled beside the page. */

/** The bytes at a URL, unpacked if they are gzipped. Servers differ in whether browsers unpack `.gz` by themselves. */
export async function fetchBytes(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  const bytes = await response.bytes();
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(unpacked).bytes();
}

/** The JSON at a URL, unpacked if it is gzipped. */
export async function fetchJson<T>(url: URL): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await fetchBytes(url))) as T;
}
