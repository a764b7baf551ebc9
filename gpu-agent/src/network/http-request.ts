import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";

/** A GET request whose response is streamed. Redirects are not followed. */
export type SendRequest = (url: URL, options: RequestOptions) => Promise<HttpAnswer>;

export interface RequestOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Aborts the request and its response. There is no other time limit. */
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly statusCode: number;
  /** One character a byte. */
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/** Servers with long cookies, policies or signatures need more than Node's 16 KiB. */
export const MAX_HEADER_BYTES = 256 * 1024;
