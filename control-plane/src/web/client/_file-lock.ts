/**
 * Sends a file while no other tab of this browser sends the same: two would send every part of it twice. Whoever comes
 * second waits, and finds what the first has sent.
 *
 * @param name the same for the same file
 * @param onWait called once, when another sends it already
 */
export async function sendAlone<T>(
  name: string,
  signal: AbortSignal,
  onWait: () => void,
  send: () => Promise<T>,
): Promise<T> {
  // Absent on pages without TLS.
  if (navigator.locks === undefined) return send();
  const lock = `splatt.upload.${name}`;
  const sent = await navigator.locks.request(lock, { ifAvailable: true }, async (free) =>
    free === null ? null : { result: await send() },
  );
  if (sent !== null) return sent.result;
  onWait();
  return navigator.locks.request(lock, { signal }, send);
}
