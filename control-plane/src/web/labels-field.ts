/**
 * Labels as people type them: `project=shop, room=kitchen`. What has no `=` is a key without a value.
 *
 * @returns null when none is named
 */
export function labelsOf(text: string | null): Record<string, string> | null {
  const pairs = (text ?? "").split(/[,\n]/).map((pair) => pair.trim());
  const named = pairs.filter((pair) => pair !== "").map((pair) => pair.split(/=(.*)/s));
  if (named.length === 0) return null;
  return Object.fromEntries(named.map(([key = "", value = ""]) => [key.trim(), value.trim()]));
}
