/**
 * The promise's value, or null once the signal is aborted. For a loop over the chunks of a body: `Promise.race` with a
 * promise that outlives the chunk would keep every chunk in memory as long as that promise.
 */
export function orAborted<T extends object | string>(
  promise: Promise<T>,
  signal: AbortSignal,
): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve(null);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
