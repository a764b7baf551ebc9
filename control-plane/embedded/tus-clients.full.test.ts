import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Upload, type UploadOptions } from "tus-js-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RawConnection, rawExchange, statusOf } from "./front-door/testing.ts";
import { type EmbeddedControlPlane, startControlPlane } from "./index.ts";

/** tus-js-client, as its users run it, and hostile clients, against the embedded control plane. */

const KEY = "key-of-the-tus-clients";
const MIB = 1024 * 1024;

let dataDir: string;
let controlPlane: EmbeddedControlPlane;
const logged: string[] = [];
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "splatt-tus-"));
  controlPlane = await startControlPlane({
    dataDir,
    port: 0,
    apiKey: KEY,
    onLog: (level, text) => {
      if (level === "error") logged.push(text);
    },
  });
});
afterAll(async () => {
  await controlPlane.stop();
  await rm(dataDir, { recursive: true, force: true });
  expect(logged).toEqual([]);
});

interface Sent {
  readonly url: string;
  readonly requests: readonly string[];
}

/** Sends a file as an application does. The server verifies the SHA-256 of what arrived. */
function upload(bytes: Buffer, options: Partial<UploadOptions> = {}): Promise<Sent> {
  const requests: string[] = [];
  return new Promise((resolve, reject) => {
    const sending = new Upload(bytes, {
      endpoint: `${controlPlane.url}/uploads/tus`,
      headers: { "X-API-Key": KEY },
      metadata: { filename: "clip.mp4", filetype: "video/mp4", sha256: sha256(bytes) },
      retryDelays: Array.from({ length: 60 }, () => 20),
      onAfterResponse: (request, response) => {
        requests.push(`${request.getMethod()} ${response.getStatus()}`);
      },
      onError: reject,
      onSuccess: () => resolve({ url: sending.url ?? "", requests }),
      ...options,
    });
    sending.start();
  });
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A proxy that cuts each connection after a number of bytes from the client. */
async function cuttingProxy(bytesPerConnection: number) {
  let cuts = 0;
  const { hostname, port } = new URL(controlPlane.url);
  const server = createServer((client) => {
    const behind = connect(Number(port), hostname);
    let left = bytesPerConnection;
    client.on("data", (chunk: Buffer) => {
      behind.write(chunk.subarray(0, left));
      left -= chunk.byteLength;
      if (left > 0 || client.destroyed) return;
      cuts += 1;
      client.resetAndDestroy();
      behind.end();
    });
    behind.on("data", (chunk: Buffer) => client.write(chunk));
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.end());
    }
  });
  server.listen(0, hostname);
  await once(server, "listening");
  const proxied = `http://${hostname}:${(server.address() as AddressInfo).port}`;
  return {
    endpoint: `${proxied}/uploads/tus`,
    get cuts() {
      return cuts;
    },
    [Symbol.dispose]: () => void server.close(),
  };
}

async function view(url: string): Promise<Record<string, unknown>> {
  const id = url.slice(url.lastIndexOf("/") + 1);
  const answer = await fetch(`${controlPlane.url}/uploads/${id}`, { headers: { "x-api-key": KEY } });
  return (await answer.json()) as Record<string, unknown>;
}

const tus = (method: string, path: string, headers: Record<string, string>, body?: Uint8Array<ArrayBuffer>) =>
  fetch(new URL(path, controlPlane.url), {
    method,
    headers: { "x-api-key": KEY, "tus-resumable": "1.0.0", ...headers },
    ...(body !== undefined && { body }),
  });

async function begin(size: number, bytes?: Buffer): Promise<string> {
  const hash = bytes === undefined ? {} : { "upload-metadata": `sha256 ${btoa(sha256(bytes))}` };
  const created = await tus("POST", "/uploads/tus", { "upload-length": String(size), ...hash });
  expect(created.status).toBe(201);
  return created.headers.get("location") ?? "";
}

async function offsetOf(path: string): Promise<number> {
  return Number((await tus("HEAD", path, {})).headers.get("upload-offset"));
}

describe("tus-js-client", () => {
  it.each<[string, Partial<UploadOptions>]>([
    ["in one request", {}],
    ["with the first bytes in the request that creates it", { uploadDataDuringCreation: true }],
    ["in chunks that are no parts", { chunkSize: 3 * MIB + 7 }],
    ["in small chunks", { chunkSize: 300_000, uploadDataDuringCreation: true }],
  ])("sends a file %s", async (_, options) => {
    const bytes = randomBytes(9 * MIB + 1);
    const { url, requests } = await upload(bytes, options);
    expect(await view(url)).toMatchObject({
      status: "completed",
      protocol: "tus",
      filename: "clip.mp4",
      size: bytes.byteLength,
    });
    expect(requests.every((request) => /^(POST 201|PATCH 204)$/.test(request))).toBe(true);
  });

  it("continues where a connection was cut, again and again", async () => {
    const bytes = randomBytes(20 * MIB);
    using proxy = await cuttingProxy(3 * MIB);
    const { url } = await upload(bytes, { endpoint: proxy.endpoint });
    expect(await view(url.replace(proxy.endpoint, ""))).toMatchObject({ status: "completed" });
    // What arrived is kept: otherwise 20 MiB would never pass in pieces of 3 MiB.
    expect(proxy.cuts).toBeGreaterThan(5);
    expect(proxy.cuts).toBeLessThan(20);
  });

  it("sends several files at once over connections that are cut", async () => {
    using proxy = await cuttingProxy(2 * MIB);
    const files = Array.from({ length: 4 }, () => randomBytes(5 * MIB));
    const sent = await Promise.all(files.map((bytes) => upload(bytes, { endpoint: proxy.endpoint })));
    expect(new Set(sent.map(({ url }) => url)).size).toBe(4);
    for (const { url } of sent) expect(await view(url)).toMatchObject({ status: "completed" });
  });

  it("continues an upload that it aborted, from its URL", async () => {
    const bytes = randomBytes(6 * MIB);
    const url = await new Promise<string>((resolve, reject) => {
      const sending = new Upload(bytes, {
        endpoint: `${controlPlane.url}/uploads/tus`,
        headers: { "X-API-Key": KEY },
        metadata: { filename: "clip.mp4", sha256: sha256(bytes) },
        chunkSize: MIB,
        onChunkComplete: () => void sending.abort().then(() => resolve(sending.url ?? "")),
        onError: reject,
      });
      sending.start();
    });
    expect(await view(url)).toMatchObject({ status: "open", received_bytes: MIB });
    const { requests } = await upload(bytes, { uploadUrl: url });
    expect(requests).toEqual(["HEAD 200", "PATCH 204"]);
    expect(await view(url)).toMatchObject({ status: "completed" });
  });

  it("gets an error for a damaged file, and can delete an upload", async () => {
    const bytes = randomBytes(1000);
    const damaged = upload(bytes, { metadata: { sha256: sha256(randomBytes(9)) }, retryDelays: null });
    await expect(damaged).rejects.toThrow(/upload_checksum_mismatch/);
    const { url } = await upload(bytes);
    await Upload.terminate(url, { headers: { "X-API-Key": KEY } });
    expect((await tus("HEAD", url, {})).status).toBe(404);
  });
});

describe("a hostile or broken client", () => {
  const head = (path: string, offset: number, more: string) =>
    `PATCH ${path} HTTP/1.1\r\nHost: splatt\r\nX-API-Key: ${KEY}\r\nTus-Resumable: 1.0.0\r\n` +
    `Content-Type: application/offset+octet-stream\r\nUpload-Offset: ${offset}\r\n${more}\r\n\r\n`;

  it("that sends less than it stated can continue with what did not arrive", async () => {
    const bytes = randomBytes(1000);
    const path = await begin(bytes.byteLength, bytes);
    const connection = new RawConnection(controlPlane.url);
    connection.send(`${head(path, 0, "Content-Length: 1000")}${bytes.subarray(0, 321).toString("latin1")}`);
    connection.socket.end();
    await connection.closed;
    // What was still on its way through the door when the connection ended may be lost, or arrive now: then the offset
    // is another one by the time of the request, and a client asks again.
    const sendRest = async () => {
      const offset = await offsetOf(path);
      expect([0, 321]).toContain(offset);
      const headers = { "content-type": "application/offset+octet-stream", "upload-offset": String(offset) };
      return (await tus("PATCH", path, headers, new Uint8Array(bytes.subarray(offset)))).status;
    };
    await expect.poll(sendRest, { timeout: 60_000 }).toBe(204);
    expect(await view(path)).toMatchObject({ status: "completed" });
  });

  it("that sends without end is stopped at the end of the file", async () => {
    const path = await begin(1000);
    const chunk = `${(4096).toString(16)}\r\n${"x".repeat(4096)}\r\n`;
    const answer = await rawExchange(
      controlPlane.url,
      `${head(path, 0, "Transfer-Encoding: chunked\r\nConnection: close")}${chunk}${chunk}`,
    );
    expect(statusOf(answer)).toBe(413);
    expect(await offsetOf(path)).toBe(0);
  });

  it("that stays silent in the middle does not keep the upload from going on", async () => {
    const path = await begin(1000);
    const silent = new RawConnection(controlPlane.url);
    silent.send(`${head(path, 0, "Content-Length: 1000")}${"x".repeat(100)}`);
    await expect.poll(() => offsetOf(path), { timeout: 60_000 }).toBe(100);
    const patch = () =>
      tus(
        "PATCH",
        path,
        { "content-type": "application/offset+octet-stream", "upload-offset": "100" },
        new Uint8Array(900),
      );
    await expect.poll(async () => (await patch()).status, { timeout: 60_000 }).toBe(204);
    expect(await offsetOf(path)).toBe(1000);
    silent.send("y".repeat(900));
    await silent.receives(/^HTTP\/1\.1 (409|423)/);
    silent.socket.destroy();
  });

  it("that sends twice at once is heard once", async () => {
    const bytes = new Uint8Array(4 * MIB).fill(7);
    const path = await begin(bytes.byteLength);
    const headers = { "content-type": "application/offset+octet-stream", "upload-offset": "0" };
    const answers = await Promise.all([1, 2, 3].map(() => tus("PATCH", path, headers, bytes)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 204)).toHaveLength(1);
    expect(statuses.every((status) => [204, 409, 423].includes(status))).toBe(true);
    expect(await view(path)).toMatchObject({ status: "completed" });
  });

  it("that states a checksum has all of the body stored, or nothing", async () => {
    const bytes = new Uint8Array(randomBytes(2 * MIB));
    const path = await begin(bytes.byteLength);
    const send = (checksum: string) =>
      tus(
        "PATCH",
        path,
        {
          "content-type": "application/offset+octet-stream",
          "upload-offset": "0",
          "upload-checksum": checksum,
        },
        bytes,
      );
    const digest = (algorithm: string, of: Uint8Array) =>
      `${algorithm} ${createHash(algorithm).update(of).digest("base64")}`;
    expect((await send(digest("sha1", bytes.subarray(1)))).status).toBe(460);
    expect(await offsetOf(path)).toBe(0);
    expect((await send(digest("sha1", bytes))).status).toBe(204);
    expect(await view(path)).toMatchObject({ status: "completed" });
  });
});
