import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { StorageState } from "../../src/storage/storage-state.ts";
import { RuntimeClient, type RuntimeRequest } from "./runtime-client.ts";

/** A runtime that does not answer yet, on a disk in each state. */

let runtime: Server;
let asked: PromiseWithResolvers<ServerResponse>;
let state: StorageState | null;
let recheck: () => Promise<void>;
let client: RuntimeClient;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  recheck = async () => undefined;
  asked = Promise.withResolvers();
  runtime = createServer((_, response) => asked.resolve(response)).listen(0, "127.0.0.1");
  await once(runtime, "listening");
  const { port } = runtime.address() as AddressInfo;
  client = new RuntimeClient({
    runtimeUrl: async () => new URL(`http://127.0.0.1:${port}`),
    storage: () => state,
    recheckStorage: () => recheck(),
  });
});
afterEach(async () => {
  client.close();
  runtime.closeAllConnections();
  runtime.close();
  vi.useRealTimers();
});

const request = (isLongPoll: boolean, patienceMs = 60_000): RuntimeRequest => ({
  method: "GET",
  path: isLongPoll ? "/jobs/x/status?wait=30" : "/jobs/x/status",
  isLongPoll,
  patienceMs,
  headers: () => ["host", "runtime"],
  body: Buffer.alloc(0),
  left: new AbortController().signal,
});

/** Asks, and lets the time pass after which the disk is looked at. @returns the status, or null when it is given up */
async function ask(isLongPoll: boolean, disk: StorageState["kind"] | null): Promise<number | null> {
  state = disk === null ? null : { kind: disk, message: "" };
  const answer = client.ask(request(isLongPoll));
  const response = await asked.promise;
  await vi.advanceTimersByTimeAsync(2000);
  // Nothing happens where the request was given up.
  response.end();
  return (await answer)?.statusCode ?? null;
}

describe("a request that the runtime has not answered", () => {
  it.each([
    ["on a disk that works", null, 200],
    ["on a slow disk", "slow", null],
    ["on a disk that fails", "failing", null],
    ["on a full disk", "full", 200],
  ] as const)("%s", async (_, disk, status) => {
    expect(await ask(false, disk)).toBe(status);
  });
});

it("an answer that comes while the disk is checked is passed on whole", async () => {
  state = { kind: "failing", message: "" };
  const checked = Promise.withResolvers<void>();
  recheck = () => checked.promise;
  const asking = client.ask(request(false));
  const response = await asked.promise;
  await vi.advanceTimersByTimeAsync(2000);
  response.write("its beginning");
  const answer = await asking;
  checked.resolve();
  await setImmediate();
  response.end(" and its end");
  expect(answer && (await text(answer))).toBe("its beginning and its end");
});

it("a client that leaves before its request is sent is not asked for", async () => {
  const [left, url] = [new AbortController(), await client.url()];
  const started = Promise.withResolvers<URL>();
  const other = new RuntimeClient({
    runtimeUrl: () => started.promise,
    storage: () => null,
    recheckStorage: async () => undefined,
  });
  let requests = 0;
  runtime.on("request", (_, response) => {
    requests += 1;
    response.end();
  });
  const asking = other.ask({ ...request(false), left: left.signal });
  left.abort();
  started.resolve(url);
  expect(await asking).toBeNull();
  expect(requests).toBe(0);
  other.close();
});

describe("a request that waits for a change", () => {
  it.each([
    ["on a disk that works", null, 200],
    ["on a slow disk", "slow", 200],
    ["on a disk that fails", "failing", null],
  ] as const)("%s", async (_, disk, status) => {
    expect(await ask(true, disk)).toBe(status);
  });
});

describe("a request that failed", () => {
  /** @returns the statuses of the runtime's answers, and the one that the client gets */
  async function answers(...runtimeSays: [status: number, disk: StorageState["kind"] | null][]) {
    state = null;
    const given: number[] = [];
    runtime.removeAllListeners("request").on("request", (_, response) => {
      const [status, disk] = runtimeSays[given.length] ?? [200, null];
      given.push(status);
      state = disk === null ? null : { kind: disk, message: "" };
      response.writeHead(status).end();
    });
    return { given, got: (await client.ask(request(false)))?.statusCode };
  }

  it("is decided again by the Worker when the disk has filled meanwhile", async () => {
    expect(await answers([503, "full"], [507, "full"])).toEqual({ given: [503, 507], got: 507 });
  });
  it("is answered as it is on a disk that works", async () => {
    expect(await answers([503, null])).toEqual({ given: [503], got: 503 });
  });
  it("is answered as it is when the Worker knew the disk's state", async () => {
    expect(await answers([503, "full"], [503, "full"])).toEqual({ given: [503, 503], got: 503 });
  });
});

it("a runtime that does not answer is asked once", async () => {
  state = null;
  let requests = 0;
  runtime.on("request", () => requests++);
  expect(await client.ask(request(false, 1000))).toBeNull();
  expect(requests).toBe(1);
});
