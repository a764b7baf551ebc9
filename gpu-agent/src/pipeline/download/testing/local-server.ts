import { createHash } from "node:crypto";
import { once } from "node:events";
import { statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

/** A web server for tests, on a free port of the loopback address. */
export interface LocalServer extends AsyncDisposable {
  readonly origin: string;
  readonly host: string;
  /** The requests, in order. */
  readonly requests: { readonly url: string; readonly headers: IncomingMessage["headers"] }[];
  /** The number of connections opened, with or without a request. */
  connections(): number;
}

export type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** @param answer gets the number of earlier requests */
export async function localServer(
  answer: Answer,
  tls?: { readonly key: string; readonly cert: string },
): Promise<LocalServer> {
  const requests: LocalServer["requests"] = [];
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    requests.push({ url: request.url ?? "", headers: request.headers });
    answer(request, response, requests.length - 1);
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  let connections = 0;
  server.on("connection", () => {
    connections++;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin: `${tls ? "https" : "http"}://${host}`,
    host,
    requests,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** Bytes that start like an MP4 and continue without a pattern. */
export function videoBytes(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  Buffer.from([0, 0, 0, 0x18, 0x66, 0x74, 0x79, 0x70]).copy(bytes);
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export interface ServedFile {
  readonly etag?: string;
  readonly lastModified?: string;
  /** Break the connection after this many bytes of the body, once they are in the file `part`. */
  readonly breakAfter?: number;
  readonly part?: string;
  /** Fall silent after this many bytes of the body. */
  readonly silentAfter?: number;
  readonly ranges?: boolean;
}

/** Responds like a file server, including Range, If-Range and 416. */
export function serveFile(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  { etag, lastModified, breakAfter, part = "", silentAfter, ranges = true }: ServedFile = {},
): void {
  const headers: Record<string, string> = {
    "content-type": "video/mp4",
    ...(etag ? { etag } : {}),
    ...(lastModified ? { "last-modified": lastModified } : {}),
  };
  const ifRange = request.headers["if-range"];
  const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const fresh = ifRange === undefined || ifRange === etag || ifRange === lastModified;
  const range = ranges && fresh ? asked : null;
  const from = Number(range?.[1] ?? 0);
  if (from >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    return;
  }
  const to = range?.[2] ? Math.min(Number(range[2]) + 1, bytes.length) : bytes.length;
  headers["content-length"] = String(to - from);
  if (range) headers["content-range"] = `bytes ${from}-${to - 1}/${bytes.length}`;
  response.writeHead(range ? 206 : 200, headers);
  const cut = breakAfter ?? silentAfter;
  if (cut === undefined) {
    response.end(bytes.subarray(from, to));
    return;
  }
  response.write(bytes.subarray(from, from + cut));
  if (breakAfter === undefined) return;
  const timer = setInterval(() => {
    if ((statSync(part, { throwIfNoEntry: false })?.size ?? 0) >= from + breakAfter) response.destroy();
  }, 1);
  response.on("close", () => clearInterval(timer));
}
