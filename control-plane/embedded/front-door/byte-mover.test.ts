import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ByteMover } from "./byte-mover.ts";
import { RawConnection } from "./testing.ts";

const SIZE = 24 * 1024 * 1024;
const GET = "GET / HTTP/1.1\r\nHost: splatt\r\n\r\n";

const content = randomBytes(SIZE);
let dir: string;
let server: Server;
let mover: ByteMover;
const errors: string[] = [];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-mover-"));
  await writeFile(join(dir, "head"), content.subarray(0, 1000));
  await writeFile(join(dir, "tail"), content);
});
afterAll(() => rm(dir, { recursive: true }));

/** @param idleMs how long a client may take nothing */
async function startMover(idleMs: number): Promise<void> {
  mover = new ByteMover(idleMs, (text) => errors.push(text));
  await expect.poll(() => mover.isReady).toBe(true);
}
beforeEach(async () => {
  // Longer than a busy machine may keep a client from reading.
  await startMover(3000);
  const segments = [
    { path: join(dir, "head"), offset: 0, length: 1000 },
    { path: join(dir, "tail"), offset: 1000, length: SIZE - 1000 },
  ];
  server = createServer((request, response) => {
    response.writeHead(200, { "content-length": SIZE, connection: "close" }).flushHeaders();
    void mover.move(request.socket, { segments, length: SIZE, object: OBJECT, release: () => undefined });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  await mover.close();
  server.close();
  await once(server, "close");
  expect(await moverPids()).toEqual([]);
  errors.splice(0);
});
const OBJECT = { key: "key", size: SIZE, etag: "etag", uploadedAt: 0 };

const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const connections = () =>
  new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));

async function moverPids(): Promise<number[]> {
  const children = await readFile(`/proc/self/task/${process.pid}/children`, "utf8");
  const pids = children.split(" ").filter(Boolean).map(Number);
  const commands = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return pids.filter((_, index) => commands[index]?.includes("byte-mover-main"));
}

describe("the byte mover", () => {
  it("sends the files as the body of the answer, and frees the connection", async () => {
    const response = await fetch(url());
    expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
    await expect.poll(connections).toBe(0);
  });

  it("lets a slow client close first: Node's fetch crashes when a connection ends while its reader pauses", async () => {
    const { body } = await fetch(url());
    let received = 0;
    for await (const chunk of body ?? []) {
      received += chunk.byteLength;
      // The last megabytes are in the kernel's buffers by now, so the server has sent everything.
      if (received > SIZE - 3 * 1024 * 1024) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(received).toBe(SIZE);
    await expect.poll(connections).toBe(0);
  });

  it("sends everything to a client that has already sent its next request", async () => {
    const client = new RawConnection(url()).send(GET);
    await client.receives(/\r\n\r\n/);
    client.send(GET);
    await client.closed;
    expect(client.received.indexOf("\r\n\r\n") + 4 + SIZE).toBe(client.received.length);
  });

  it("leaves the connection counted at its server until the client has everything", async () => {
    const client = new RawConnection(url()).send(GET);
    await client.receives(/\r\n\r\n/);
    client.socket.pause();
    expect(await connections()).toBe(1);
    client.socket.resume();
    await client.closed;
    await expect.poll(connections).toBe(0);
  });

  it("cuts a client that stops reading", async () => {
    await mover.close();
    await startMover(300);
    const client = new RawConnection(url()).send(GET);
    await client.receives(/\r\n\r\n/);
    client.socket.pause();
    await expect.poll(connections).toBe(0);
    client.socket.resume();
    await client.closed;
    expect(client.received.length).toBeLessThan(SIZE);
  });

  it("is started again after a crash, which cuts its clients", async () => {
    const client = new RawConnection(url()).send(GET);
    await client.receives(/\r\n\r\n/);
    client.socket.pause();
    for (const pid of await moverPids()) process.kill(pid, "SIGKILL");
    client.socket.resume();
    await client.closed;
    await expect.poll(connections).toBe(0);
    expect(errors).toEqual([expect.stringContaining("started again")]);
    await expect.poll(() => mover.isReady).toBe(true);
    expect((await (await fetch(url())).arrayBuffer()).byteLength).toBe(SIZE);
  });

  it("passes on no secret of its parent", async () => {
    const [pid] = await moverPids();
    expect(await readFile(`/proc/${pid}/environ`, "utf8")).not.toContain("PATH=");
  });
});
