import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parentPort, Worker, workerData } from "node:worker_threads";

/** A file server with range requests and a fixed rate per connection, on a separate thread. */
export interface ThrottledServer extends AsyncDisposable {
  readonly url: string;
}

interface Settings {
  readonly bytes: SharedArrayBuffer;
  /** Per connection; null for no limit. */
  readonly bytesPerSecond: number | null;
}

const TICK_MS = 10;

export async function startThrottledServer(settings: Settings): Promise<ThrottledServer> {
  const worker = new Worker(new URL(import.meta.url), { workerData: settings });
  const [port] = (await once(worker, "message")) as [number];
  return {
    url: `http://127.0.0.1:${port}/video.mp4`,
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}

if (parentPort !== null && workerData !== null) {
  const { bytes, bytesPerSecond } = workerData as Settings;
  const file = Buffer.from(bytes);
  const server = createServer((request, response) => {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const from = Number(range?.[1] ?? 0);
    const to = range?.[2] ? Math.min(file.length, Number(range[2]) + 1) : file.length;
    response.writeHead(range ? 206 : 200, {
      ...{ "content-type": "video/mp4", "accept-ranges": "bytes", etag: '"1"' },
      "content-length": to - from,
      ...(range ? { "content-range": `bytes ${from}-${to - 1}/${file.length}` } : {}),
    });
    if (request.method === "HEAD") response.end();
    else if (bytesPerSecond === null) response.end(file.subarray(from, to));
    else trickle(response, file.subarray(from, to), bytesPerSecond);
  });
  server.listen(0, "127.0.0.1", () => parentPort?.postMessage((server.address() as AddressInfo).port));
}

function trickle(response: ServerResponse, bytes: Buffer, bytesPerSecond: number): void {
  const began = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    if (response.writableNeedDrain) return;
    const due = Math.min(bytes.length, Math.floor((bytesPerSecond * (performance.now() - began)) / 1000));
    response.write(bytes.subarray(sent, due));
    sent = due;
    if (sent < bytes.length) return;
    clearInterval(timer);
    response.end();
  }, TICK_MS);
  response.on("close", () => clearInterval(timer));
}
