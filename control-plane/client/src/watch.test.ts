import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WATCH_SUBPROTOCOL } from "@splatt/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { watchMessages } from "./watch.ts";

const WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** A server that opens each watch, and then is as good as dead: it says nothing, and closes nothing. */
let server: Server;
const sockets: Duplex[] = [];
beforeEach(async () => {
  server = createServer().on("upgrade", ({ headers }, socket: Duplex) => {
    sockets.push(socket.on("error", () => undefined));
    const hash = createHash("sha1").update(`${headers["sec-websocket-key"]}${WEBSOCKET_GUID}`);
    const accept = `Sec-WebSocket-Accept: ${hash.digest("base64")}`;
    const protocol = `Sec-WebSocket-Protocol: ${WATCH_SUBPROTOCOL}`;
    const head = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"];
    socket.write(`${[...head, accept, protocol].join("\r\n")}\r\n\r\n`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
});

describe("a watch that is aborted ends, although its server does not answer", () => {
  const watch = (signal: AbortSignal, onConnected?: () => void) => {
    const { port } = server.address() as AddressInfo;
    const url = new URL(`http://127.0.0.1:${port}/jobs/x/watch`);
    return watchMessages({ url, apiKey: "key", check: async () => undefined }, { signal, onConnected });
  };

  it("before it begins", async () => {
    expect(await watch(AbortSignal.abort()).next()).toEqual({ done: true, value: undefined });
  });

  it("while it waits for messages", async () => {
    const [leaving, opened] = [new AbortController(), Promise.withResolvers<void>()];
    const next = watch(leaving.signal, opened.resolve).next();
    await opened.promise;
    leaving.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });
});
