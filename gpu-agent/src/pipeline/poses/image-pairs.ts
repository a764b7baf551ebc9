/**
 * Which pairs a pass matches.
 *
 * @param names in order
 * @param done pairs matched already, as keys of `pairKey`
 * @param only pairs with at least one of these frames; null for all
 * @param limit the most pairs: one half are the nearest in order, the others spread over the rest
 * @returns near and distant pairs in turns
 */
export function choosePairs(
  names: readonly string[],
  done: ReadonlySet<string>,
  only: ReadonlySet<string> | null,
  limit: number,
): [string, string][] {
  const all: { readonly pair: [string, string]; readonly apart: number }[] = [];
  for (const [i, a] of names.entries()) {
    for (const [j, b] of names.entries()) {
      if (j <= i || (only !== null && !only.has(a) && !only.has(b)) || done.has(pairKey(a, b))) continue;
      all.push({ pair: [a, b], apart: j - i });
    }
  }
  const count = Math.min(limit, all.length);
  const sorted = all.toSorted((one, other) => one.apart - other.apart);
  const near = sorted.slice(0, Math.ceil(count / 2));
  const rest = sorted.slice(near.length);
  const spread = Array.from(
    { length: Math.floor(count / 2) },
    (_, i) => rest[Math.floor((i * rest.length) / Math.floor(count / 2))],
  );
  // In turns, because matching may end early.
  const inTurns = near.flatMap((pair, i) => [pair, spread[i]]);
  return inTurns.flatMap((entry) => (entry === undefined ? [] : [entry.pair]));
}

/** The same for both orders. */
export function pairKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
