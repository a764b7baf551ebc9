/** Names a request in the answer, in problem documents and in the log. */
export const REQUEST_ID_HEADER = "x-request-id";

const WELL_FORMED = /^[\w.:-]{1,128}$/;

/**
 * The id of a request: the client's own if it is well-formed, else Cloudflare's, else a new one.
 *
 * @param header looks up a header by its lower-case name; several values are joined by commas
 */
export function requestIdOf(header: (name: string) => string | null | undefined): string {
  const sent = header(REQUEST_ID_HEADER);
  if (sent != null && WELL_FORMED.test(sent)) return sent;
  return header("cf-ray") ?? crypto.randomUUID();
}
