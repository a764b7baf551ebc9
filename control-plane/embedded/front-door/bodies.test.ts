import type { IncomingMessage } from "node:http";
import { PassThrough, Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { partBody } from "./bodies.ts";

const WINDOW_MS = 1000;
const LIMITS = { part: { windowMs: WINDOW_MS, bytes: 100 }, chunks: { free: 1024, bytes: 64 } };
const TEN = Buffer.alloc(10);

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "setImmediate", "clearImmediate", "performance"],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

function requestOf(stream: Readable): IncomingMessage {
  return Object.assign(stream, { complete: true }) as unknown as IncomingMessage;
}

describe("a part's body", () => {
  it("may wait for the store for as long as that takes", async () => {
    const found: Buffer[] = [];
    for await (const chunk of partBody(requestOf(Readable.from([TEN, TEN, TEN])), LIMITS)) {
      await vi.advanceTimersByTimeAsync(10 * WINDOW_MS);
      found.push(chunk);
    }
    expect(Buffer.concat(found)).toHaveLength(30);
  });

  it("is refused when too little of it arrives in a window", async () => {
    const stream = new PassThrough();
    const body = partBody(requestOf(stream), LIMITS);
    stream.write(TEN);
    await body.next();
    const second = body.next();
    await vi.advanceTimersByTimeAsync(0.9 * WINDOW_MS);
    stream.write(TEN);
    await second;
    const third = expect(body.next()).rejects.toMatchObject({ failure: "body_too_slow" });
    await vi.advanceTimersByTimeAsync(0.2 * WINDOW_MS);
    await third;
  });

  it("may take many windows when enough of it arrives in each", async () => {
    const stream = new PassThrough();
    const body = partBody(requestOf(stream), LIMITS);
    for (let i = 0; i < 5; i++) {
      const next = body.next();
      await vi.advanceTimersByTimeAsync(0.9 * WINDOW_MS);
      stream.write(Buffer.alloc(100));
      expect(await next).toMatchObject({ done: false });
    }
    stream.end();
    expect(await body.next()).toMatchObject({ done: true });
  });
});
