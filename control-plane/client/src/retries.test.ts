import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { Splatt } from "./index.ts";

const CREATED = { job_id: "00000000-0000-4000-8000-000000000001", status: "queued", message: "created" };

const server = createServer();
afterEach(() => server.removeAllListeners("request").close());

/** A client of a server that loses its first replies, or is unavailable; and the requests that reached it. */
async function clientWith(replies: readonly ("lost" | 503 | 200)[]) {
  const received: Pick<IncomingMessage, "method" | "headers">[] = [];
  server.on("request", (request: IncomingMessage, response) => {
    const reply = replies[received.length] ?? 200;
    received.push({ method: request.method ?? "", headers: request.headers });
    if (reply === "lost") request.socket.destroy();
    else response.writeHead(reply, { "content-type": "application/json" }).end(JSON.stringify(CREATED));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { client: new Splatt({ url: `http://127.0.0.1:${port}`, apiKey: "key" }), received };
}

it("creates with one idempotency key, however often the request is repeated, and another for the next", async () => {
  const { client, received } = await clientWith(["lost", 503, 200, 200]);
  await client.createJob({ task_id: "t" });
  await client.createJob({ task_id: "t" });
  const keys = received.map(({ headers }) => headers["idempotency-key"]);
  expect(keys).toHaveLength(4);
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(keys.slice(0, 3)).size).toBe(1);
  expect(keys[3]).not.toBe(keys[0]);
});

it("does not repeat what has no key and may change something", async () => {
  const { client, received } = await clientWith(["lost"]);
  await expect(client.cancelJob("x")).rejects.toThrow();
  expect(received).toHaveLength(1);
});

it("gives up after a few retries", async () => {
  const { client, received } = await clientWith(Array.from({ length: 9 }, () => 503));
  await expect(client.createJob({ task_id: "t" })).rejects.toThrow("503");
  expect(received).toHaveLength(5);
});
