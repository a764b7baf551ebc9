import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type AgentMessage, CLOSE, type Hello, type ServerMessage, SUBPROTOCOL } from "@splatt/shared";
import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { connectProxy } from "../network/testing/connect-proxy.ts";
import { Secret } from "../secret.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";

const HELLO: Hello = {
  type: "hello",
  protocol: "1.0",
  instance_id: "i",
  name: "box",
  version: "0",
  offer: { engines: [], default_engine: null, slots: 0, reason: "", gpus: [] },
  held: [],
  kept: [],
};

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A gateway on a free port: real HTTP and WebSocket, but each test says how it behaves. */
async function gateway(
  onSocket: (socket: WebSocket, number: number) => void,
  refuse?: (number: number) => number,
) {
  const http = createServer();
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL });
  const upgrades: { authorization: string | undefined; protocol: string | undefined }[] = [];
  http.on("upgrade", (request, stream, head) => {
    upgrades.push({
      authorization: request.headers.authorization,
      protocol: request.headers["sec-websocket-protocol"],
    });
    const status = refuse?.(upgrades.length) ?? 0;
    if (status !== 0) {
      stream.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      return;
    }
    const number = upgrades.length;
    sockets.handleUpgrade(request, stream, head, (socket) => onSocket(socket, number));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  cleanups.push(() => {
    for (const socket of sockets.clients) socket.terminate();
    http.close();
  });
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, upgrades };
}

function welcome(socket: WebSocket, heartbeatMs = 10_000): void {
  const message: ServerMessage = {
    type: "welcome",
    protocol: "1.0",
    agent_id: "6f1c1c9e-7f0e-4a53-8f1e-0d6a6a3f4b11",
    pool: "default",
    intervals: { heartbeat_ms: heartbeatMs, lease_ms: 1000, held_ms: 1000, progress_ms: 10, resend_ms: 50 },
    jobs: [],
  };
  socket.once("message", () => socket.send(JSON.stringify(message)));
}

function connect(url: string, options: Partial<ConnectionOptions> = {}) {
  const connection = new Connection({
    controlPlane: url,
    token: new Secret("secret-token"),
    log: pino({ level: "silent" }),
    hello: async () => HELLO,
    onWelcome: () => undefined,
    onMessage: () => undefined,
    holdsJobs: () => false,
    backoff: { minMs: 1, maxMs: 5, maxHoldingMs: 2, stableMs: 10_000 },
    ...options,
  });
  cleanups.push(() => connection.close());
  return connection;
}

describe("Connection", () => {
  it("connects with the token in a header and sends the hello first", async () => {
    const frames: AgentMessage[] = [];
    const { url, upgrades } = await gateway((socket) => {
      socket.once("message", (data) => frames.push(JSON.parse(data.toString())));
      welcome(socket);
    });
    const welcomed = Promise.withResolvers<void>();
    const connection = connect(url, { onWelcome: () => welcomed.resolve() });
    const ended = connection.run();
    await welcomed.promise;
    expect(upgrades).toEqual([{ authorization: "Bearer secret-token", protocol: SUBPROTOCOL }]);
    expect(frames[0]).toEqual(HELLO);
    connection.close();
    expect(await ended).toEqual({ exit: "closed", reason: "" });
  });

  it("connects through a proxy when only the proxy can resolve the control plane", async () => {
    const { url, upgrades } = await gateway((socket) => welcome(socket));
    const proxy = await connectProxy({ toPort: Number(new URL(url).port), credentials: "user:secret" });
    cleanups.push(() => proxy[Symbol.asyncDispose]());
    const welcomed = Promise.withResolvers<void>();
    const connection = connect("http://cp.splatt.dev", {
      proxies: { http: proxy.url, https: proxy.url, bypass: [] },
      onWelcome: () => welcomed.resolve(),
    });
    const ended = connection.run();
    await welcomed.promise;
    expect(proxy.asked).toEqual(["CONNECT cp.splatt.dev:80"]);
    expect(upgrades).toHaveLength(1);
    connection.close();
    expect(await ended).toEqual({ exit: "closed", reason: "" });
  });

  it("retries when the proxy refuses the tunnel", async () => {
    const proxy = await connectProxy({ refuse: 503 });
    cleanups.push(() => proxy[Symbol.asyncDispose]());
    const connection = connect("http://cp.splatt.dev", {
      proxies: { http: proxy.url, https: proxy.url, bypass: [] },
    });
    const ended = connection.run();
    await expect.poll(() => proxy.asked.length).toBeGreaterThan(2);
    connection.close();
    expect(await ended).toEqual({ exit: "closed", reason: "" });
  });

  it("can be closed while the proxy does not answer", async () => {
    const asked = Promise.withResolvers<void>();
    const proxy = await connectProxy({ onConnect: () => asked.resolve() });
    cleanups.push(() => proxy[Symbol.asyncDispose]());
    const connection = connect("http://cp.splatt.dev", {
      proxies: { http: proxy.url, https: proxy.url, bypass: [] },
    });
    const ended = connection.run();
    await asked.promise;
    connection.close();
    expect(await ended).toEqual({ exit: "closed", reason: "" });
  });

  it("delivers messages that arrive in the same packet as the welcome", async () => {
    const { url } = await gateway((socket) => {
      welcome(socket);
      socket.once("message", () => socket.send(JSON.stringify({ type: "drain", deadline_ms: 1 })));
    });
    const got = Promise.withResolvers<unknown>();
    void connect(url, { onMessage: got.resolve }).run();
    expect(await got.promise).toEqual({ type: "drain", deadline_ms: 1 });
  });

  it("delivers messages and ignores unknown ones", async () => {
    const { url } = await gateway((socket) => {
      welcome(socket);
      socket.on("message", (data) => {
        if (data.toString() !== "ping") return;
        socket.send("nonsense");
        socket.send(JSON.stringify({ type: "from.the.future" }));
        socket.send(JSON.stringify({ type: "drain", deadline_ms: 5, and: "more" }));
      });
    });
    const got = Promise.withResolvers<unknown>();
    void connect(url, { onMessage: got.resolve }).run();
    expect(await got.promise).toEqual({ type: "drain", deadline_ms: 5 });
  });

  it("reconnects after a broken link, an HTTP error and an unanswered hello", async () => {
    const { url, upgrades } = await gateway(
      (socket, number) => {
        if (number === 1) socket.terminate();
        else if (number === 3) socket.close(1012, "restart");
        else welcome(socket);
      },
      (number) => (number === 2 ? 503 : 0),
    );
    const welcomed = Promise.withResolvers<void>();
    void connect(url, { onWelcome: () => welcomed.resolve() }).run();
    await welcomed.promise;
    expect(upgrades).toHaveLength(4);
  });

  it.each<[string, (socket: WebSocket) => void, number]>([
    ["is closed as rate limited", (socket) => socket.close(CLOSE.rateLimited, "too many messages"), 0],
    ["answers 429", () => undefined, 429],
  ])("waits longer when the server %s", async (_, onSocket, status) => {
    const { url, upgrades } = await gateway(onSocket, () => status);
    const waits: string[] = [];
    const log = pino({ level: "warn" }, { write: (line) => void waits.push(line) });
    const connection = connect(url, { log, backoff: { minMs: 1, maxMs: 1, rateLimitedMs: 3_600_000 } });
    const ended = connection.run();
    await expect.poll(() => waits.join("")).toMatch(/retrying in 3600\.\d s/);
    expect(upgrades).toHaveLength(1);
    connection.close();
    await ended;
  });

  it("closes a link on which nothing arrives", async () => {
    const { url, upgrades } = await gateway((socket) => welcome(socket, 10));
    const twice = Promise.withResolvers<void>();
    let welcomes = 0;
    void connect(url, {
      onWelcome: () => {
        welcomes += 1;
        if (welcomes === 2) twice.resolve();
      },
    }).run();
    await twice.promise;
    expect(upgrades.length).toBeGreaterThanOrEqual(2);
  });

  it.each([401, 403])("stops at %s instead of retrying", async (status) => {
    const { url, upgrades } = await gateway(
      () => undefined,
      () => status,
    );
    const end = await connect(url).run();
    expect(end).toMatchObject({ exit: "unauthorized", reason: expect.stringContaining("AGENT_TOKEN") });
    expect(upgrades).toHaveLength(1);
  });

  it.each([
    [CLOSE.revoked, "unauthorized"],
    [CLOSE.incompatible, "incompatible"],
  ])("stops when the server closes with %i", async (code, exit) => {
    const { url } = await gateway((socket) => {
      socket.once("message", () => socket.close(code, "because"));
    });
    expect(await connect(url).run()).toMatchObject({ exit, reason: `because (${code})` });
  });

  it("stops when the server reports twice that a newer process replaced it", async () => {
    const { url, upgrades } = await gateway((socket) => {
      socket.once("message", () => socket.close(CLOSE.replaced, "because"));
    });
    const end = await connect(url, { backoff: { replacedMs: 10 } }).run();
    expect(end).toEqual({ exit: "replaced", kind: "stop", reason: "because (4009)" });
    expect(upgrades).toHaveLength(2);
  });

  it("drops messages while disconnected and reports it", async () => {
    const { url } = await gateway(() => undefined);
    const connection = connect(url);
    expect(connection.send({ type: "job.held", jobs: [] })).toBe(false);
  });

  it("can be closed while the server is unreachable", async () => {
    const connection = connect("http://127.0.0.1:1", { backoff: { minMs: 60_000, maxMs: 60_000 } });
    const ended = connection.run();
    setImmediate(() => connection.close());
    expect(await ended).toEqual({ exit: "closed", reason: "" });
  });
});
