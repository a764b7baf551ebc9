import { type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { type CloseCode, FrameLimiter } from "./frame-limiter.ts";
import { headersToClient } from "./headers.ts";
import type { DoorLimits } from "./limits.ts";
import { WebSocketFrames } from "./web-socket-frames.ts";

export interface SocketToPass {
  readonly client: Socket;
  /** The bytes that the client sent after its handshake. */
  readonly head: Buffer;
  readonly url: URL;
  readonly path: string;
  readonly headers: readonly string[];
  readonly limits: {
    readonly firstMessageMs: number | null;
    readonly idleMs: number;
    readonly closingMs: number;
    readonly frames: DoorLimits["frames"];
  };
}

/**
 * Passes a WebSocket through to the runtime, byte by byte in both directions, each at the pace of its receiver.
 * Resolves when the handshake is over.
 *
 * @throws when the runtime cannot be reached
 */
export async function passWebSocket(options: SocketToPass): Promise<void> {
  const { client, head, url, path, headers } = options;
  // It would say so no more, and the runtime would keep its end.
  if (client.destroyed) return;
  const handshake = request({
    hostname: url.hostname,
    port: url.port,
    method: "GET",
    path,
    headers: [...headers, "connection", "Upgrade", "upgrade", "websocket"],
    setHost: false,
    agent: false,
  });
  const leave = () => handshake.destroy();
  client.once("close", leave);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  handshake.on("error", reject);
  handshake.once("response", (answer) => {
    void refuse(client, answer);
    resolve();
  });
  handshake.once("upgrade", (answer, runtime, runtimeHead) => {
    client.off("close", leave);
    client.write(headOf(answer, ["Connection: Upgrade", "Upgrade: websocket"]));
    join(client, runtime as Socket, options.limits);
    // What came with the handshake is read again, before what follows it.
    if (runtimeHead.byteLength > 0) runtime.unshift(runtimeHead);
    if (head.byteLength > 0) client.unshift(head);
    resolve();
  });
  handshake.end();
  await promise;
}

function join(client: Socket, runtime: Socket, limits: SocketToPass["limits"]): void {
  const { firstMessageMs, idleMs } = limits;
  const end = () => {
    client.destroy();
    runtime.destroy();
  };
  for (const socket of [client, runtime]) {
    socket.setNoDelay(true);
    socket.setTimeout(0);
    socket.on("error", end);
    socket.on("close", end);
  }
  client.setTimeout(idleMs, end);
  if (firstMessageMs !== null) {
    const timer = setTimeout(end, firstMessageMs);
    client.once("data", () => clearTimeout(timer));
    client.once("close", () => clearTimeout(timer));
  }
  passFrames(client, runtime, limits);
}

/**
 * Passes the bytes of both sides. Ends the connection when both have sent their Close frames. The runtime does so
 * seconds later when it was the first to close, and a client that waits for the end, as the standard says, would wait
 * with it. Cuts a client that exceeds its limits, or does not answer the runtime's Close frame.
 */
function passFrames(client: Socket, runtime: Socket, limits: SocketToPass["limits"]): void {
  const limiter = new FrameLimiter(limits.frames, performance.now());
  let closing: NodeJS.Timeout | null = null;
  let violation: CloseCode | null = null;
  const fromRuntime = new WebSocketFrames();
  const fromClient = new WebSocketFrames((frame) => {
    violation ??= limiter.judge(frame, performance.now());
  });
  const endIfClosed = () => {
    if (!fromClient.isClosed || !fromRuntime.isClosed) return;
    client.end();
    runtime.end();
  };
  // Before the bytes are passed: the runtime sees no frame that is refused.
  client.on("data", (chunk: Buffer) => {
    fromClient.push(chunk);
    if (violation !== null) cut(client, runtime, fromRuntime.isBetweenFrames ? violation : null);
  });
  client.pipe(runtime);
  runtime.pipe(client);
  // After they are passed: the Close frames are the last.
  client.on("data", () => {
    if (violation === null) endIfClosed();
  });
  runtime.on("data", (chunk: Buffer) => {
    fromRuntime.push(chunk);
    endIfClosed();
    if (fromRuntime.isClosed) closing ??= setTimeout(() => cut(client, runtime, null), limits.closingMs);
  });
  client.once("close", () => clearTimeout(closing ?? undefined));
}

function cut(client: Socket, runtime: Socket, code: CloseCode | null): void {
  if (code !== null) client.write(Buffer.from([0x88, 2, code >> 8, code & 0xff]));
  client.unpipe(runtime);
  client.destroySoon();
  runtime.destroy();
}

/** Forwards the runtime's refusal of the handshake to the client and closes the connection. */
async function refuse(client: Socket, answer: IncomingMessage): Promise<void> {
  client.write(headOf(answer, ["Connection: close"]));
  try {
    client.end(await buffer(answer));
  } catch {
    // The runtime broke it off.
    client.destroy();
  }
}

function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage, own: readonly string[]): string {
  const headers = headersToClient(rawHeaders);
  const lines = Array.from(
    { length: headers.length / 2 },
    (_, index) => `${headers[2 * index]}: ${headers[2 * index + 1]}`,
  );
  return `${[`HTTP/1.1 ${statusCode} ${statusMessage}`, ...lines, ...own].join("\r\n")}\r\n\r\n`;
}
