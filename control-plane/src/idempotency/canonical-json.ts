/** Deeper values are refused by `readJson`; the bound keeps the recursion off a hostile body. */
const MAX_DEPTH = 64;

/**
 * The one text of a JSON value: without white space, and with the fields of each object in order. Two bodies that mean
 * the same have the same text.
 *
 * @returns null for a value that is nested too deeply
 */
export function canonicalJson(value: unknown, depth = 0): string | null {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (depth >= MAX_DEPTH) return null;
  const isList = Array.isArray(value);
  const parts: string[] = [];
  for (const [name, field] of isList ? value.entries() : Object.entries(value).toSorted(byName)) {
    const text = canonicalJson(field, depth + 1);
    if (text === null) return null;
    parts.push(isList ? text : `${JSON.stringify(name)}:${text}`);
  }
  return isList ? `[${parts.join(",")}]` : `{${parts.join(",")}}`;
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}
