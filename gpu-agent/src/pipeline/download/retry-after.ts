/**
 * How long a Retry-After header asks to wait (RFC 9110, 10.2.3).
 *
 * @param header seconds, or an HTTP date
 * @param date the response's Date header, because the server's clock may differ from ours
 * @returns milliseconds; 0 when the header is missing or invalid
 */
export function retryAfterMs(header: string, date: string, nowMs = Date.now()): number {
  if (/^\d+$/.test(header)) return 1000 * Number(header);
  const at = parseHttpDate(header);
  const from = parseHttpDate(date);
  if (Number.isNaN(at)) return 0;
  return Math.max(0, at - (Number.isNaN(from) ? nowMs : from));
}

/** All three formats of RFC 9110, 5.6.7; the oldest one names no zone but means GMT. */
function parseHttpDate(text: string): number {
  if (!/^[a-z]{3,9},? /i.test(text)) return Number.NaN;
  return Date.parse(/GMT|UTC|[+-]\d{4}$/.test(text) ? text : `${text} GMT`);
}
