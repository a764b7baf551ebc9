import { describe, expect, it } from "vitest";
import { KeyedQueue } from "./keyed-queue.ts";

describe("KeyedQueue", () => {
  it("keeps one key's work in order, even after a failure, without blocking other keys", async () => {
    const inTurn = new KeyedQueue();
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = inTurn.run("a", async () => {
      log.push("a1 begins");
      await gate.promise;
      log.push("a1 ends");
      throw new Error("a1");
    });
    const second = inTurn.run("a", async () => log.push("a2"));
    await inTurn.run("b", async () => log.push("b"));
    gate.resolve();
    await expect(first).rejects.toThrow("a1");
    await second;
    expect(log).toEqual(["a1 begins", "b", "a1 ends", "a2"]);
  });
});
