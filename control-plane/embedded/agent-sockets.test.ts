import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { SUBPROTOCOL } from "@splatt/shared";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type EmbeddedControlPlane, startControlPlane } from "./index.ts";

const API_KEY = "agent-sockets-test-key";
const lines: string[] = [];
let dir: string;
let controlPlane: EmbeddedControlPlane;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-sockets-"));
  controlPlane = await startControlPlane({
    dataDir: dir,
    apiKey: API_KEY,
    port: 0,
    onLog: (_, text) => void lines.push(text),
  });
});
afterAll(async () => {
  await controlPlane.stop();
  await rm(dir, { recursive: true });
});

/** An upgraded connection, on which a test writes frames byte by byte. */
async function connect(): Promise<Duplex> {
  const created = await fetch(new URL("/agents", controlPlane.url), {
    method: "POST",
    headers: { "x-api-key": API_KEY },
    body: JSON.stringify({ name: "box" }),
  });
  const { token } = (await created.json()) as { token: string };
  const upgrade = request(new URL("/agent", controlPlane.url), {
    headers: {
      authorization: `Bearer ${token}`,
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-protocol": SUBPROTOCOL,
      "sec-websocket-version": "13",
    },
  });
  upgrade.end();
  const [, socket] = (await once(upgrade, "upgrade")) as [unknown, Duplex];
  socket.on("error", () => undefined).resume();
  return socket;
}

/** A close frame, masked with zeros. */
function closeFrame(payload: readonly number[]): Buffer {
  return Buffer.from([0x88, 0x80 + payload.length, 0, 0, 0, 0, ...payload]);
}

it.each<[string, (socket: Duplex) => void]>([
  ["a close without a code, which reads as 1005", (socket) => socket.write(closeFrame([]))],
  ["a broken connection, which reads as 1006", (socket) => socket.destroy()],
  ["a close with code 1000", (socket) => socket.write(closeFrame([0x03, 0xe8]))],
  ["a close with a custom code", (socket) => socket.write(closeFrame([0x10, 0xe1, 0x78]))],
])("%s ends without an error in the runtime", async (_, end) => {
  const socket = await connect();
  const before = lines.length;
  end(socket);
  await expect.poll(() => lines.slice(before).join("\n")).toContain("agent disconnected");
  // After another request, the runtime has reported everything pending.
  await (await fetch(new URL("/health", controlPlane.url))).text();
  expect(lines.slice(before).filter((line) => !line.includes('"level":"info"'))).toEqual([]);
  socket.destroy();
});
