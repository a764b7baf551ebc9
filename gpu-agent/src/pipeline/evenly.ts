/** Some of the values, evenly spread over all; all where there are no more than that. */
export function evenly<T>(values: readonly T[], most: number): T[] {
  const count = Math.min(most, values.length);
  return Array.from({ length: count }, (_, i) => values[Math.floor((i * values.length) / count)] as T);
}
