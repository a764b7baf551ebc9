import { Agent, type Dispatcher, request } from "undici";
import { type DialOptions, dial } from "./dial.ts";
import { MAX_HEADER_BYTES, type SendRequest } from "./http-request.ts";
import { endpointOf } from "./proxies.ts";

/** An HTTP client for the control plane, whose connections are dialled as `options` say. */
export function httpClient(options: DialOptions = {}): Dispatcher {
  return new Agent({
    maxHeaderSize: MAX_HEADER_BYTES,
    allowH2: false,
    connect: ({ protocol, hostname, port }, callback) => {
      dial(endpointOf({ protocol, hostname, port }), options).then(
        (socket) => callback(null, socket),
        (error: Error) => callback(error, null),
      );
    },
  });
}

/** Chunks that arrive while the previous one is being written are joined into one. */
const BUFFER_BYTES = 1024 * 1024;

export function sendThrough(dispatcher: Dispatcher): SendRequest {
  return (url, { headers, signal }) =>
    request(url, {
      dispatcher,
      headers,
      signal,
      headersTimeout: 0,
      bodyTimeout: 0,
      highWaterMark: BUFFER_BYTES,
    });
}
