/** What says who asks, from where, and how. */
const PASSED_ON = [
  "authorization",
  "cf-connecting-ip",
  "cookie",
  "origin",
  "sec-fetch-site",
  "x-api-key",
  "x-forwarded-proto",
];

/**
 * A request to the API on behalf of whoever sent `request`: with the same rights, and counted like theirs.
 *
 * @param extra further headers
 */
export function apiRequest(
  request: Request,
  method: string,
  path: string,
  body?: unknown,
  extra: Readonly<Record<string, string>> = {},
): Request {
  const headers = new Headers(extra);
  for (const name of PASSED_ON) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  if (body !== undefined) headers.set("content-type", "application/json");
  return new Request(new URL(path, request.url), {
    method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
  });
}
