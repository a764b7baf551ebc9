import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FairQueue } from "./fair-queue.ts";

const HOLD_MS = 1000;
const stays = new AbortController().signal;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A queue with one slot, and clients whose requests each take some time in the runtime. */
function newQueue(slots = 1) {
  const queue = new FairQueue(slots);
  const connections = new Map<string, object>();
  const served: string[] = [];
  /** @param client the address and the connection, as in `a/1` */
  const request = async (client: string, ms: number, left: AbortSignal = stays) => {
    const connection = connections.get(client) ?? {};
    connections.set(client, connection);
    const leave = await queue.enter(client.split("/")[0] ?? "", connection, HOLD_MS, left);
    if (leave === null) return;
    served.push(client);
    await new Promise((resolve) => setTimeout(resolve, ms));
    leave();
  };
  return { request, served };
}

describe("the queue before the runtime", () => {
  it("admits as many as it has slots, and then in the order of arrival", async () => {
    const { request, served } = newQueue(2);
    const all = ["a/1", "b/1", "c/1", "d/1"].map((client) => request(client, 10));
    await vi.advanceTimersByTimeAsync(1);
    expect(served).toEqual(["a/1", "b/1"]);
    await vi.advanceTimersByTimeAsync(100);
    await Promise.all(all);
    expect(served).toEqual(["a/1", "b/1", "c/1", "d/1"]);
  });

  it("prefers the address that has used the runtime least, however many connections the other has", async () => {
    const { request, served } = newQueue();
    const flood = Array.from({ length: 20 }, (_, index) => request(`flood/${index}`, 10));
    await vi.advanceTimersByTimeAsync(35);
    const light = request("light/1", 10);
    await vi.advanceTimersByTimeAsync(6);
    expect(served.at(-1)).toBe("light/1");
    await vi.advanceTimersByTimeAsync(500);
    await Promise.all([...flood, light]);
    expect(served).toHaveLength(21);
  });

  it("prefers the connection that has used it least, among those of one address", async () => {
    const { request, served } = newQueue();
    const heavy = async (client: string) => {
      for (let turn = 0; turn < 5; turn++) await request(client, 50);
    };
    const all = [heavy("a/1"), heavy("a/2"), heavy("a/3")];
    await vi.advanceTimersByTimeAsync(175);
    all.push(request("a/new", 10));
    await vi.advanceTimersByTimeAsync(26);
    expect(served.at(-1)).toBe("a/new");
    await vi.advanceTimersByTimeAsync(1000);
    await Promise.all(all);
  });

  it("gives little for time without requests", async () => {
    const { request, served } = newQueue();
    const busy = async (client: string) => {
      for (let turn = 0; turn < 60; turn++) await request(client, 10);
    };
    const first = [busy("a/1"), busy("b/1")];
    await vi.advanceTimersByTimeAsync(405);
    // It was idle for 400 ms. It may catch up on a fraction of that, and shares from then on.
    const late = busy("late/1");
    await vi.advanceTimersByTimeAsync(300);
    const turns = served.slice(-30).filter((client) => client === "late/1");
    expect(turns.length).toBeGreaterThan(10);
    expect(turns.length).toBeLessThan(17);
    await vi.advanceTimersByTimeAsync(2000);
    await Promise.all([...first, late]);
  });

  it("lets nobody starve while new clients keep coming", async () => {
    const { request, served } = newQueue();
    const heavy = (async () => {
      for (let turn = 0; turn < 3; turn++) await request("a/heavy", 100);
    })();
    const others = Array.from({ length: 5 }, (_, index) => request(`a/${index}`, 10));
    for (let index = 5; index < 500; index++) {
      others.push(request(`a/${index}`, 10));
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(served.filter((client) => client === "a/heavy").length).toBeGreaterThan(1);
    await vi.advanceTimersByTimeAsync(5000);
    await Promise.all([heavy, ...others]);
  });

  it("takes the slot back from a request that only waits", async () => {
    const { request, served } = newQueue();
    const waiting = request("poll/1", 30_000);
    const next = request("a/1", 1);
    await vi.advanceTimersByTimeAsync(HOLD_MS + 1);
    expect(served).toEqual(["poll/1", "a/1"]);
    await vi.advanceTimersByTimeAsync(30_000);
    await Promise.all([waiting, next]);
  });

  it("forgets a client that leaves", async () => {
    const { request, served } = newQueue();
    const leaving = new AbortController();
    const all = [request("a/1", 10), request("gone/1", 10, leaving.signal), request("b/1", 10)];
    leaving.abort();
    await vi.advanceTimersByTimeAsync(50);
    await Promise.all(all);
    expect(served).toEqual(["a/1", "b/1"]);
  });
});
