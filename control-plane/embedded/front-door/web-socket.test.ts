import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { DOOR_LIMITS } from "./limits.ts";
import { passWebSocket } from "./web-socket.ts";
import { WebSocketFrames } from "./web-socket-frames.ts";

function frame(opcode: number, length: number, mask: readonly number[] = []): Buffer {
  const masked = mask.length > 0 ? 0x80 : 0;
  const size = Buffer.alloc(length < 126 ? 1 : length < 65_536 ? 3 : 9);
  if (size.length === 1) size[0] = length;
  else if (size.length === 3) size.writeUInt16BE(length, 1);
  else size.writeBigUInt64BE(BigInt(length), 1);
  size[0] = masked | (size.length === 1 ? length : size.length === 3 ? 126 : 127);
  // A payload of bytes that would be a Close frame, were they a header.
  return Buffer.concat([Buffer.from([0x80 | opcode]), size, Buffer.from(mask), Buffer.alloc(length, 0x88)]);
}

const MASK = [1, 2, 3, 4];
const TEXT = 1;
const CLOSE = 8;

describe("the frames of a WebSocket", () => {
  it.each([
    ["nothing before it", []],
    ["a short message", [frame(TEXT, 5, MASK)]],
    ["an empty one", [frame(TEXT, 0), frame(9, 0, MASK)]],
    ["one with a length of two bytes", [frame(TEXT, 126)]],
    ["one with a length of eight bytes", [frame(TEXT, 70_000, MASK)]],
  ])("end with the Close frame: %s", (_, before) => {
    for (const close of [frame(CLOSE, 0, MASK), frame(CLOSE, 11), frame(CLOSE, 2, MASK)]) {
      const bytes = Buffer.concat([...before, close]);
      for (const step of [1, 3, bytes.length]) {
        const frames = new WebSocketFrames();
        const last = bytes.length - 1;
        for (let at = 0; at < last; at += step) frames.push(bytes.subarray(at, Math.min(at + step, last)));
        expect(frames.isClosed).toBe(false);
        frames.push(bytes.subarray(last));
        expect(frames.isClosed).toBe(true);
      }
    }
  });
});

describe("a WebSocket", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function listening(server: Server): Promise<URL> {
    servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  const LIMITS = { firstMessageMs: null, idleMs: 0, closingMs: 60_000, frames: DOOR_LIMITS.frames };

  /** A client's socket, which a door connects with a runtime. */
  async function connected(
    runtimeSends: Buffer,
    closingMs = LIMITS.closingMs,
  ): Promise<{ socket: Duplex; received: Buffer[] }> {
    const received: Buffer[] = [];
    const runtime = createServer().on("upgrade", (_request, socket: Duplex) => {
      socket.on("data", (chunk: Buffer) => received.push(chunk)).on("error", () => undefined);
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      socket.write(runtimeSends);
    });
    const url = await listening(runtime);
    const door = createServer().on("upgrade", (_request, client, head) => {
      const limits = { ...LIMITS, closingMs };
      void passWebSocket({ client: client as never, head, url, path: "/", headers: [], limits });
    });
    const upgrade = request(await listening(door), {
      headers: { connection: "Upgrade", upgrade: "websocket" },
    }).end();
    const [, socket, head] = (await once(upgrade, "upgrade")) as [unknown, Duplex, Buffer];
    socket.unshift(head);
    return { socket, received };
  }

  it("that the runtime closes first ends for the client when it has answered", async () => {
    const { socket, received } = await connected(Buffer.concat([frame(TEXT, 3), frame(CLOSE, 2)]));
    let sent = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      const before = sent.length;
      sent = Buffer.concat([sent, chunk]);
      if (before < 9 && sent.length >= 9) socket.write(frame(CLOSE, 2, MASK));
    }
    expect(sent).toEqual(Buffer.concat([frame(TEXT, 3), frame(CLOSE, 2)]));
    expect(Buffer.concat(received)).toEqual(frame(CLOSE, 2, MASK));
  });

  it("whose client does not answer its Close frame, and sends others, is cut", async () => {
    const { socket } = await connected(frame(CLOSE, 2), 200);
    const pings = setInterval(() => socket.write(frame(9, 0, MASK)), 20);
    socket.on("error", () => undefined).resume();
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(pings);
  });

  it.each([
    ["without a mask", frame(TEXT, 5)],
    ["of an extension", Buffer.concat([Buffer.from([0xc1]), frame(TEXT, 5, MASK).subarray(1)])],
    ["with a reserved opcode", frame(3, 5, MASK)],
  ])("with a frame %s is closed, and the runtime does not see it", async (_, wrong) => {
    const { socket, received } = await connected(Buffer.alloc(0));
    socket.write(wrong);
    let sent = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) sent = Buffer.concat([sent, chunk]);
    expect(sent).toEqual(Buffer.from([0x88, 2, 1002 >> 8, 1002 & 0xff]));
    expect(received).toEqual([]);
  });

  it("whose client never ends a message is closed with a code, and the runtime gets no more than the limit", async () => {
    const { socket, received } = await connected(Buffer.alloc(0));
    const unfinished = frame(TEXT, 60_000, MASK);
    unfinished[0] = TEXT;
    for (let sent = 60_000; sent < DOOR_LIMITS.frames.messageBytes; sent += 60_000) {
      socket.write(Buffer.from(unfinished));
      unfinished[0] = 0;
    }
    // The header of the frame that is too much: nothing that was not read must reset the connection.
    socket.write(unfinished.subarray(0, 8));
    let sent = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) sent = Buffer.concat([sent, chunk]);
    expect(sent).toEqual(Buffer.from([0x88, 2, 1009 >> 8, 1009 & 0xff]));
    expect(Buffer.concat(received).byteLength).toBeLessThan(DOOR_LIMITS.frames.messageBytes);
  });

  it("whose client has left before the runtime was asked is not opened there", async () => {
    let upgrades = 0;
    const runtime = createServer().on("upgrade", (_request, socket: Duplex) => {
      upgrades += 1;
      socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    });
    const url = await listening(runtime);
    const client = new Socket().destroy();
    await passWebSocket({ client, head: Buffer.alloc(0), url, path: "/", headers: [], limits: LIMITS });
    expect(upgrades).toBe(0);
  });

  it("whose refusal the runtime breaks off is closed", async () => {
    const runtime = createServer().on("upgrade", (_request, socket: Duplex) => {
      socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nhalf");
    });
    const url = await listening(runtime);
    const door = createServer().on("upgrade", (_request, client, head) => {
      void passWebSocket({ client: client as never, head, url, path: "/", headers: [], limits: LIMITS });
    });
    const upgrade = request(await listening(door), {
      headers: { connection: "Upgrade", upgrade: "websocket" },
    }).end();
    const [response] = (await once(upgrade, "response")) as [IncomingMessage];
    response.on("error", () => undefined).resume();
    await new Promise((resolve) => response.once("close", resolve));
    expect(response.complete).toBe(false);
  });
});
