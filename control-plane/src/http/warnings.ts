/** What an answer says of fields or parameters that were ignored because nothing has that name. */
export function unknownWarnings(
  kind: "field" | "parameter",
  unknown: readonly string[],
): { warnings?: string[] } {
  if (unknown.length === 0) return {};
  return { warnings: unknown.map((name) => `The ${kind} ${name} is not known and was ignored.`) };
}
