import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SUBPROTOCOL } from "@splatt/shared";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EmbeddedControlPlane, startControlPlane } from "../index.ts";
import { callApi, RawConnection, rawExchange, statusOf } from "./testing.ts";

/**
 * Clients that make the front door wait, with short limits. Not too short: the clients share the door's thread, and a
 * busy machine may hold it up.
 */
const PATIENCE_MS = 2000;

const KEY = "key-of-the-slow-clients";
const PART = 32 * 1024 * 1024;
const SITE = "https://app.example";
const HEAD = `Host: splatt\r\nX-API-Key: ${KEY}\r\n`;

let dataDir: string;
let controlPlane: EmbeddedControlPlane;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "splatt-slow-"));
  controlPlane = await startControlPlane({
    dataDir,
    port: 0,
    apiKey: KEY,
    limits: {
      headersMs: PATIENCE_MS,
      bodyMs: PATIENCE_MS,
      idleMs: PATIENCE_MS,
      firstMessageMs: PATIENCE_MS,
      part: { windowMs: PATIENCE_MS, bytes: 1024 },
      connectionsPerAddress: 40,
    },
    variables: { CORS_ORIGINS: SITE },
    onLog: () => undefined,
  });
});
afterAll(async () => {
  await controlPlane.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const api = <T>(method: string, path: string, body?: unknown) =>
  callApi<T>(controlPlane.url, KEY, method, path, body);

const upgradeOf = (token: string) =>
  `GET /agent HTTP/1.1\r\nHost: splatt\r\nAuthorization: Bearer ${token}\r\nUpgrade: websocket\r\n` +
  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
  `Sec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n\r\n`;

describe.concurrent("a slow client is cut", () => {
  it("that sends nothing", async () => {
    expect(statusOf(await rawExchange(controlPlane.url, ""))).toBe(408);
  });

  it("that never ends its headers", async () => {
    expect(statusOf(await rawExchange(controlPlane.url, `GET /health HTTP/1.1\r\n${HEAD}`))).toBe(408);
  });

  it("that never ends its body", async () => {
    const head = `POST /jobs HTTP/1.1\r\n${HEAD}Origin: ${SITE}\r\nContent-Length: 100\r\n\r\n{`;
    const answer = await rawExchange(controlPlane.url, head);
    expect(statusOf(answer)).toBe(408);
    expect(answer).toMatch(new RegExp(`^access-control-allow-origin: ${SITE}\r$`, "m"));
  });

  it("that sends a part too slowly, and the part is removed", async () => {
    const { upload_id: upload } = await api<{ upload_id: string }>("POST", "/uploads", {
      filename: "v.mp4",
      size: PART,
    });
    const head = `PUT /uploads/${upload}/parts/1 HTTP/1.1\r\n${HEAD}Content-Length: ${PART}\r\n\r\nabc`;
    expect(statusOf(await rawExchange(controlPlane.url, head))).toBe(408);
    expect(await api("GET", `/uploads/${upload}`)).toMatchObject({ received_parts: [] });
    expect(await readdir(join(dataDir, "objects", "blobs"))).toEqual([]);
  });

  it("that keeps a connection without a request", async () => {
    const connection = new RawConnection(controlPlane.url).send(`GET /health HTTP/1.1\r\n${HEAD}\r\n`);
    await connection.closed;
    expect(statusOf(connection.received)).toBe(200);
  });

  it("that sends empty lines instead of a request", async () => {
    const connection = new RawConnection(controlPlane.url).send(`GET /health HTTP/1.1\r\n${HEAD}\r\n`);
    await connection.receives(/200 OK/);
    const lines = setInterval(() => connection.send("\r\n"), 50);
    await connection.closed;
    clearInterval(lines);
  });

  it("that opens an agent's socket and never says hello", async () => {
    const { token } = await api<{ token: string }>("POST", "/agents", { name: "silent" });
    const answer = await rawExchange(controlPlane.url, upgradeOf(token));
    expect(statusOf(answer)).toBe(101);
  });
});

describe("many connections", () => {
  it("of one address are refused beyond its limit, and accepted again after some close", async () => {
    const open = Array.from({ length: 60 }, () => new RawConnection(controlPlane.url));
    await Promise.all(open.map(({ closed }) => closed));
    const statuses = open.map(({ received: text }) => statusOf(text));
    expect(statuses.filter((status) => status === 503).length).toBeGreaterThanOrEqual(20);
    expect(await api("GET", "/health")).toMatchObject({ status: "healthy" });
  });
});
