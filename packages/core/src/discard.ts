/** Giving memory of an array back now, rather than when it is collected. */

/** ES2024 has the first; Node 20 has not. */
interface Transferable {
  transfer?(length: number): ArrayBuffer;
}

let closed: MessagePort | undefined;

/**
 * Frees a buffer; arrays over it are empty from then on. Where `transfer` is missing, the buffer is sent to a closed port,
 * as Node drops such a message with all that was handed over to it.
 */
export function discard(buffer: ArrayBufferLike): void {
  if (!(buffer instanceof ArrayBuffer)) return;
  const { transfer } = buffer as Transferable;
  if (transfer) {
    transfer.call(buffer, 0);
    return;
  }
  if (!closed) {
    closed = new MessageChannel().port1;
    closed.close();
  }
  closed.postMessage(null, [buffer]);
}
