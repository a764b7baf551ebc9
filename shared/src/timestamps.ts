/** Epoch milliseconds → `2024-02-22T10:30:00`: naive UTC to the second, as the seed's endpoints print it. */
export function naiveUtc(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19);
}

/** Epoch milliseconds → `2024-02-22T10:30:00+00:00`: what every endpoint that the seed lacks prints. */
export function offsetUtc(epochMs: number): string {
  return `${naiveUtc(epochMs)}+00:00`;
}
