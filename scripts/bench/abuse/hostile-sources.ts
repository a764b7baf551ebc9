import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { tarOf, zipOf } from "@splatt/gpu-agent/testing/archives";
import { BROKEN_VIDEOS, PLAYLISTS } from "@splatt/gpu-agent/testing/hostile-videos";

const MIB = 1024 * 1024;
/** One byte of a slow body. */
const DRIP_MS = 100;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A web server whose files and answers are broken, slow or hostile, each at a path. */
export class HostileSources {
  readonly #server: Server;
  readonly #paths: readonly string[];
  #next = 0;

  private constructor(server: Server, paths: readonly string[]) {
    this.#server = server;
    this.#paths = paths;
  }

  static async start(): Promise<HostileSources> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const origin = originOf(server);
    const answers = Object.entries({ ...misbehaviours(origin), ...served(await hostileFiles(origin)) });
    server.on("request", (request, response) => {
      const answer = answers[Number(request.url?.slice(1))]?.[1];
      if (answer === undefined) response.writeHead(404).end();
      else answer(request, response);
    });
    return new HostileSources(
      server,
      answers.map((_, index) => `/${index}`),
    );
  }

  /** The address of each source in turn. */
  nextUrl(): string {
    const path = this.#paths[this.#next++ % this.#paths.length] ?? "";
    return originOf(this.#server) + path;
  }
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Servers that do not send what they promise. */
function misbehaviours(origin: string): Record<string, Answer> {
  const endless = Buffer.alloc(MIB, "x");
  return {
    "never answers": () => undefined,
    "a slow head": ({ socket }) => drip(socket),
    "a slow body": (_, response) => drip(response.writeHead(200, { "content-length": MIB })),
    "an endless body": (_, response) => flood(response.writeHead(200), endless),
    "an endless body, compressed": (_, response) =>
      flood(response.writeHead(200, { "content-encoding": "gzip" }), gzipSync(Buffer.alloc(64 * MIB))),
    "a body cut off": (_, response) =>
      response
        .writeHead(200, { "content-length": 2 * MIB })
        .write(endless, () => response.socket?.resetAndDestroy()),
    "a body longer than promised": ({ socket }) =>
      void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n${"x".repeat(MIB)}`),
    "other bytes than asked for": (_, response) =>
      response.writeHead(206, { "content-range": "bytes 7-6/0", etag: '"x"' }).end(endless),
    "huge headers": ({ socket }) =>
      void socket.write(`HTTP/1.1 200 OK\r\n${`X-A: ${"a".repeat(60_000)}\r\n`.repeat(200)}\r\n`),
    "redirects without end": ({ url }, response) => response.writeHead(302, { location: url }).end(),
    "a redirect to a foreign network": (_, response) =>
      response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data" }).end(),
    "a redirect to the control plane's host": (_, response) =>
      response.writeHead(302, { location: `${origin.replace("127.0.0.1", "[::1]")}/health` }).end(),
    "a wait of a year": (_, response) => response.writeHead(503, { "retry-after": "31536000" }).end(),
    "a web page": (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
    "no HTTP": ({ socket }) => void socket.end("\u0016\u0003\u0001 no HTTP\r\n\r\n"),
  };
}

/** Files that no decoder and no archive reader may trust. */
async function hostileFiles(origin: string): Promise<Record<string, Uint8Array>> {
  const dir = await mkdtemp(join(tmpdir(), "splatt-hostile-"));
  const bait = { path: join(dir, "bait"), origin };
  const videos: Record<string, Uint8Array> = {};
  for (const [name, _, make] of BROKEN_VIDEOS) {
    await make(dir, bait);
    videos[name] = await readFile(join(dir, "source"));
  }
  await rm(dir, { recursive: true });
  const lists = Object.entries(PLAYLISTS).map(([name, list]) => [name, Buffer.from(list(bait))]);
  const photos = Object.fromEntries(
    Array.from({ length: 20 }, (_, index) => [`../../${index}.jpg`, Buffer.from(`\xff\xd8\xff${index}`)]),
  );
  return {
    ...videos,
    ...Object.fromEntries(lists),
    "an archive that decompresses to much": zipOf({ "1.jpg": Buffer.alloc(128 * MIB) }, 9),
    "an archive of broken photos": zipOf(photos),
    "an archive cut off": zipOf({ ...photos, "long.png": Buffer.alloc(MIB) }).subarray(0, -30),
    "an archive with links": tarOf([
      { path: "1.jpg", type: "2" },
      { path: "../../2.jpg", size: 2 ** 32 },
    ]),
  };
}

function served(files: Readonly<Record<string, Uint8Array>>): Record<string, Answer> {
  const answers = Object.entries(files).map(([name, bytes]): [string, Answer] => [
    name,
    (_, response) => response.writeHead(200, { "content-length": bytes.byteLength }).end(bytes),
  ]);
  return Object.fromEntries(answers);
}

function drip(to: NodeJS.WritableStream): void {
  const timer = setInterval(() => to.write("x"), DRIP_MS);
  to.once("close", () => clearInterval(timer));
  to.once("error", () => clearInterval(timer));
}

function flood(response: ServerResponse, bytes: Buffer): void {
  const more = () => {
    while (!response.destroyed && response.write(bytes));
  };
  response.on("drain", more);
  more();
}
