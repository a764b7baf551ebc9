/** Shorter names are within two edits of almost anything. */
const MIN_LENGTH = 6;
const MAX_EDITS = 2;

/**
 * Finds variables that look like misspelt settings: within two edits of a setting that is not set itself.
 *
 * @param present the names that are set
 * @param known the names of the settings
 */
export function findEnvTypos(
  present: readonly string[],
  known: readonly string[],
): { name: string; meant: string }[] {
  const candidates = known.filter((setting) => setting.length >= MIN_LENGTH && !present.includes(setting));
  return present
    .filter((name) => name.length >= MIN_LENGTH - 1 && !known.includes(name))
    .flatMap((name) => {
      const ranked = candidates
        .map((meant) => ({ name, meant, edits: editDistance(name.toUpperCase(), meant) }))
        .filter(({ edits }) => edits <= MAX_EDITS)
        .toSorted((a, b) => a.edits - b.edits);
      return ranked.slice(0, 1).map(({ meant }) => ({ name, meant }));
    });
}

/** The Levenshtein distance. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (b[j - 1] === letter ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
