import type { IncomingMessage, ServerResponse } from "node:http";
import { type Answer, serveFile } from "./local-server.ts";

export interface FilebinOptions {
  readonly bytes: Buffer;
  /** How many requests a presigned URL answers before it expires. */
  readonly answersPerAddress?: number;
  /** How many times the file may be requested. */
  readonly downloadLimit?: number;
  /** Serves the n-th request to the storage, instead of the complete response. */
  readonly serve?: (request: IncomingMessage, response: ServerResponse, count: number) => void;
}

export interface FilebinServer {
  readonly answer: Answer;
  /** The number of downloads counted. */
  readonly downloads: () => number;
}

export const FILEBIN_PATH = "/k3u9vs2m1x7q4d8e/v.mp4";
const COOKIE = "verified=2024-05-24; Path=/; Expires=Fri, 01 Jan 2100 00:00:00 GMT; HttpOnly; Secure";
const SPARED = ["Wget", "curl", "VLC"];

/**
 * A stand-in for filebin.net and the S3 storage behind it, as in its sources (espebra/filebin2,
 * internal/web/http.go and http_file.go): a warning page and a cookie for unknown clients, then a redirect to a
 * presigned URL that expires. Each redirect counts as a download.
 */
export function filebinServer({
  bytes,
  answersPerAddress = Number.POSITIVE_INFINITY,
  downloadLimit = Number.POSITIVE_INFINITY,
  serve = (request, response) => serveFile(request, response, bytes, { etag: ETAG }),
}: FilebinOptions): FilebinServer {
  const answers = new Map<string, number>();
  let stored = 0;

  function file(request: IncomingMessage, response: ServerResponse): void {
    if (answers.size >= downloadLimit) {
      page(response, 403, "The file has been requested too many times.");
      return;
    }
    const spared = SPARED.some((name) => request.headers["user-agent"]?.includes(name));
    if (!spared && !request.headers.cookie?.includes("verified=2024-05-24")) {
      response.setHeader("set-cookie", COOKIE);
      page(response, 200, "Files here are uploaded by strangers.");
      return;
    }
    const location = `/storage/object?X-Amz-Expires=60&X-Amz-Signature=${answers.size + 1}`;
    answers.set(location, 0);
    response.writeHead(302, { location, "cache-control": "max-age=0", "x-robots-tag": "noindex" }).end();
  }

  function storage(request: IncomingMessage, response: ServerResponse): void {
    const used = answers.get(request.url ?? "");
    if (used === undefined || used >= answersPerAddress) {
      const words = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
      response.writeHead(403, { "content-type": "application/xml" }).end(words);
      return;
    }
    answers.set(request.url ?? "", used + 1);
    serve(request, response, stored++);
  }

  return {
    answer: (request, response) =>
      request.url === FILEBIN_PATH
        ? file(request, response)
        : request.url?.startsWith("/storage/")
          ? storage(request, response)
          : page(response, 404, "The bin does not exist."),
    downloads: () => answers.size,
  };
}

export const ETAG = '"9b2cf535f27731c974343645a3985328"';

function page(response: ServerResponse, status: number, words: string): void {
  const html = `<!DOCTYPE html><html><body>${words}</body></html>`;
  response.writeHead(status, { "content-type": "text/html; charset=utf-8" }).end(html);
}
