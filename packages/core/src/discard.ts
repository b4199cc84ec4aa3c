/** Giving memory of an array back now, rather than when it is collected. */

let closed: MessagePort | undefined;

/**
 * Frees a buffer; arrays over it are empty from then on. What is sent to a closed port is dropped, with all that was
 * handed over to it: the way that every engine has. (`ArrayBuffer.prototype.transfer` is missing in Node 20.)
 */
export function discard(buffer: ArrayBufferLike): void {
  if (!(buffer instanceof ArrayBuffer)) return;
  if (!closed) {
    closed = new MessageChannel().port1;
    closed.close();
  }
  closed.postMessage(null, [buffer]);
}
