import { describe, expect, it } from "vitest";
import { expectedWait, TokenPool, type Turn } from "./token-pool.ts";

function turn(since: number, change: Partial<Turn> = {}): Turn {
  return { since, signal: new AbortController().signal, secondsLeft: () => 0, ...change };
}

/** Holders that keep their unit until released, and the order in which they began. */
function scene<Unit>(pool: TokenPool<Unit>) {
  const begun: string[] = [];
  const units: Unit[] = [];
  function hold(name: string, claim: Turn) {
    const release = Promise.withResolvers<void>();
    const done = pool.use(claim, async (unit) => {
      begun.push(name);
      units.push(unit);
      await release.promise;
      return name;
    });
    return { done, release: () => release.resolve() };
  }
  return { begun, units, hold };
}

/** Waits until all pending callbacks have run. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("TokenPool", () => {
  it("grants each unit to one holder at a time", async () => {
    const { units, begun, hold } = scene(new TokenPool(["a", "b"]));
    const holders = ["1", "2", "3"].map((name) => hold(name, turn(0)));
    await settled();
    expect(units).toEqual(["a", "b"]);
    holders[1]?.release();
    await settled();
    expect(units).toEqual(["a", "b", "b"]);
    expect(begun).toEqual(["1", "2", "3"]);
    for (const { release } of holders) release();
    expect(await Promise.all(holders.map(({ done }) => done))).toEqual(["1", "2", "3"]);
  });

  it("grants the oldest job's claim first, however late it is made", async () => {
    const { begun, hold } = scene(new TokenPool([null]));
    const claims = [
      hold("holder", turn(5)),
      hold("young", turn(9)),
      hold("older", turn(7)),
      hold("oldest", turn(1)),
    ];
    for (const claim of claims) claim.release();
    await Promise.all(claims.map(({ done }) => done));
    expect(begun).toEqual(["holder", "oldest", "older", "young"]);
  });

  it("notifies only claims that have to wait", async () => {
    const { hold } = scene(new TokenPool([null]));
    const notified: string[] = [];
    const claims = ["holder", "next"].map((name) =>
      hold(name, turn(1, { onWait: () => notified.push(name) })),
    );
    for (const claim of claims) claim.release();
    await Promise.all(claims.map(({ done }) => done));
    expect(notified).toEqual(["next"]);
  });

  it("grants claims of the same age in the order in which they were made", async () => {
    const { begun, hold } = scene(new TokenPool([null]));
    const claims = ["holder", "a", "b", "c"].map((name) => hold(name, turn(3)));
    for (const claim of claims) claim.release();
    await Promise.all(claims.map(({ done }) => done));
    expect(begun).toEqual(["holder", "a", "b", "c"]);
  });

  it("removes an aborted claim from the queue immediately", async () => {
    const { begun, hold } = scene(new TokenPool([null]));
    const cancel = new AbortController();
    const holder = hold("holder", turn(1));
    const gone = hold("gone", turn(2, { signal: cancel.signal }));
    const next = hold("next", turn(3));
    cancel.abort();
    expect(await gone.done).toBeNull();
    holder.release();
    next.release();
    await Promise.all([holder.done, next.done]);
    expect(begun).toEqual(["holder", "next"]);
  });

  it("does not grant a claim that is already aborted", async () => {
    const { begun, hold } = scene(new TokenPool([null]));
    expect(await hold("gone", turn(1, { signal: AbortSignal.abort() })).done).toBeNull();
    expect(begun).toEqual([]);
  });

  it("waits for work that has begun, even after an abort", async () => {
    const { hold } = scene(new TokenPool([null]));
    const cancel = new AbortController();
    const holder = hold("holder", turn(1, { signal: cancel.signal }));
    await settled();
    cancel.abort();
    const after = hold("after", turn(2));
    await settled();
    holder.release();
    after.release();
    expect(await Promise.all([holder.done, after.done])).toEqual(["holder", "after"]);
  });

  it("frees the unit of work that threw", async () => {
    const pool = new TokenPool([null]);
    await expect(pool.use(turn(1), () => Promise.reject(new Error("a bug")))).rejects.toThrow("a bug");
    expect(await pool.use(turn(2), async () => "free again")).toBe("free again");
  });

  it("lets `choose` pick among the free units", async () => {
    const { units, hold } = scene(new TokenPool([10, 30, 20], (free) => free.indexOf(Math.max(...free))));
    const holders = [hold("1", turn(0)), hold("2", turn(0))];
    await settled();
    expect(units).toEqual([30, 20]);
    for (const { release } of holders) release();
  });

  it("predicts when each unit is free, and which claims go before a job of a given age", async () => {
    const pool = new TokenPool(["a", "b"]);
    const { hold } = scene(pool);
    const left = (seconds: number) => ({ secondsLeft: () => seconds });
    hold("holder", turn(1, left(40)));
    expect(pool.outlook(9)).toEqual({ freeIn: [0, 40], ahead: [] });
    hold("other", turn(2, left(70)));
    hold("older", turn(3, left(100)));
    hold("younger", turn(8, left(200)));
    expect(pool.outlook(5)).toEqual({ freeIn: [40, 70], ahead: [100] });
  });
});

describe("expectedWait", () => {
  it.each([
    ["nothing, when one is free", [0, 40], [], 0],
    ["until the first is free", [50, 40], [], 40],
    ["until those before have had their turn", [50, 40], [100], 50],
    ["for the soonest of several after several turns", [10, 40], [100, 5, 20], 65],
    ["nothing, when there is nothing to wait for", [], [10], 0],
  ])("is %s", (_, freeIn, ahead, seconds) => {
    expect(expectedWait(freeIn, ahead)).toBe(seconds);
  });
});
