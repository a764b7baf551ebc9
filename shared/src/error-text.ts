/** Deep enough for every library's wrapping; a cycle of causes ends here too. */
const MAX_CAUSES = 8;

/** What a thrown value says, followed by what its causes say: `upload failed: fetch failed: ECONNRESET`. */
export function errorText(error: unknown): string {
  const texts: string[] = [];
  let current = error;
  do {
    texts.push(current instanceof Error ? current.message || current.name : String(current));
    current = current instanceof Error ? current.cause : undefined;
  } while (current !== undefined && texts.length < MAX_CAUSES);
  return texts.join(": ");
}
