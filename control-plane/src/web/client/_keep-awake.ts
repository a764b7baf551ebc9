/** Keeps a phone's screen on while something is sent; a page in the background is soon stopped. */
export async function keepAwake(during: Promise<unknown>): Promise<void> {
  // Absent on pages without TLS, and refused when the battery is low.
  const lock = await navigator.wakeLock?.request("screen").catch(() => null);
  await during.catch(() => undefined);
  await lock?.release();
}
