/** A connection that died silently, as when a phone changes its network, sends nothing and does not fail. */
const STALLED_MS = 90_000;

/**
 * `fetch` for the client library that also tells how many bytes of a body have been sent: a part takes minutes on a
 * slow line, and browsers' fetch reports nothing before its end.
 *
 * @param onSent receives the bytes that are on their way in all requests together, and how many more than before were sent
 */
export function uploadFetch(onSent: (inFlight: number, more: number) => void): typeof fetch {
  const inFlight = new Map<XMLHttpRequest, number>();
  return (input, init) => {
    if (init?.method !== "PUT") return fetch(input, init);
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const stall = () => {
        reject(new TypeError("The connection stalled"));
        request.abort();
      };
      let stalled = setTimeout(stall, STALLED_MS);
      const end = (settle: () => void) => () => {
        clearTimeout(stalled);
        inFlight.delete(request);
        settle();
      };
      const abort = () => request.abort();
      request.open("PUT", input instanceof Request ? input.url : input);
      for (const [name, value] of new Headers(init.headers)) request.setRequestHeader(name, value);
      request.upload.onprogress = ({ loaded }) => {
        const more = loaded - (inFlight.get(request) ?? 0);
        inFlight.set(request, loaded);
        clearTimeout(stalled);
        stalled = setTimeout(stall, STALLED_MS);
        const total = [...inFlight.values()].reduce((sum, bytes) => sum + bytes, 0);
        onSent(total, more);
      };
      request.onload = end(() => resolve(responseOf(request)));
      request.onerror = end(() => reject(new TypeError("The connection failed")));
      request.onabort = end(() => reject(init.signal?.reason ?? new DOMException("Aborted", "AbortError")));
      request.onloadend = () => init.signal?.removeEventListener("abort", abort);
      init.signal?.addEventListener("abort", abort);
      if (init.signal?.aborted) abort();
      else request.send(init.body as XMLHttpRequestBodyInit);
    });
  };
}

function responseOf(request: XMLHttpRequest): Response {
  const headers = new Headers();
  for (const line of request.getAllResponseHeaders().trim().split(/\r?\n/)) {
    const [name = "", value = ""] = line.split(/:(.*)/s);
    headers.append(name.trim(), value.trim());
  }
  return new Response(request.responseText, { status: request.status, headers });
}
