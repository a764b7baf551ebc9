/** The most unknown names in an answer, and the most characters of each. */
const MAX_NAMED = 20;
const MAX_NAME = 100;

/** What an answer says of fields or parameters that were ignored because nothing has that name. */
export function unknownWarnings(kind: "field" | "parameter", unknown: readonly string[]): string[] {
  const named = unknown.slice(0, MAX_NAMED).map((name) => {
    const shown = name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…`.toWellFormed() : name;
    return `The ${kind} ${shown} is not known and was ignored.`;
  });
  const others = unknown.length - named.length;
  return others === 0 ? named : [...named, `${others} more are not known and were ignored.`];
}
