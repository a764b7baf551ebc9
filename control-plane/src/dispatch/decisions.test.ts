import type { AgentOffer, EngineChoice } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { BUILTIN_OFFER, GPU_OFFER } from "../testing/scripted-agent.ts";
import { leaseDeadline } from "./lease-deadline.ts";
import type { Lease } from "./lease-table.ts";
import { NO_NEEDS, runnableChoices, UNMET_NEED_PATTERN, unmetNeed, waitsForTurn } from "./placement.ts";
import { isWorthWriting } from "./progress.ts";
import { queueRank } from "./queue-rank.ts";
import { dispatchTiming } from "./timing.ts";

const TIMING = dispatchTiming(undefined);

describe("unmetNeed", () => {
  it.each<[EngineChoice, AgentOffer[], string | null]>([
    ["auto", [], 'Waiting for an agent: none is connected to pool "p".'],
    ["auto", [GPU_OFFER], null],
    ["nerfstudio", [GPU_OFFER], null],
    ["brush", [GPU_OFFER], 'Waiting: no connected agent of pool "p" can run the engine "brush".'],
    ["builtin", [GPU_OFFER, BUILTIN_OFFER], null],
    [
      "auto",
      [{ ...GPU_OFFER, slots: 0, default_engine: null, reason: "gsplat is missing" }],
      'Waiting: no connected agent of pool "p" offers an engine. gsplat is missing',
    ],
  ])("%s", (choice, offers, expected) => {
    expect(unmetNeed(choice, "p", offers)).toBe(expected);
    expect(runnableChoices(offers).includes(choice)).toBe(expected === null);
  });

  it("is found by its pattern, and what else a job waits for is not", () => {
    const pattern = new RegExp(`^${UNMET_NEED_PATTERN.replaceAll("%", ".*")}$`);
    const noEngine = { ...GPU_OFFER, slots: 0, default_engine: null };
    for (const unmet of [
      unmetNeed("auto", "p", []),
      unmetNeed("auto", "p", [noEngine]),
      unmetNeed("brush", "p", [GPU_OFFER]),
      unmetNeed("auto", "p", [{ ...GPU_OFFER, takes_several_files: false }], {
        ...NO_NEEDS,
        isOfSeveral: true,
      }),
    ])
      expect(unmet).toMatch(pattern);
    expect(waitsForTurn("p")).not.toMatch(pattern);
  });
});

describe("leaseDeadline", () => {
  const lease: Lease = {
    jobId: "j",
    attempt: 1,
    leaseId: "l",
    agentId: "a",
    state: "held",
    since: 1000,
    sends: 1,
    lostAt: null,
  };
  it.each([
    ["an assignment on its way", { ...lease, state: "sent" as const }, 5000, 0, 1000 + TIMING.acceptMs],
    ["an unfinished claim", { ...lease, state: "claiming" as const }, 5000, 0, 1000 + TIMING.acceptMs],
    ["an active agent", lease, 5000, 0, 5000 + TIMING.leaseMs],
    ["an agent last active before an outage of the control plane", lease, 5000, 9000, 9000 + TIMING.leaseMs],
    ["an agent that is gone", { ...lease, lostAt: 7000 }, null, 0, 7000 + TIMING.reconnectGraceMs],
    [
      "an agent gone before an outage of ours",
      { ...lease, lostAt: 7000 },
      null,
      9000,
      9000 + TIMING.reconnectGraceMs,
    ],
  ])("%s", (_, row, lastActivity, awakeSince, expected) => {
    expect(leaseDeadline(row, lastActivity, awakeSince, TIMING)).toBe(expected);
  });
});

describe("isWorthWriting", () => {
  it.each([
    ["the first", 0, 0, undefined, true],
    ["far enough and late enough", 42, 15_000, { progress: 40, at: 10_000 }, true],
    ["too soon", 60, 14_999, { progress: 40, at: 10_000 }, false],
    ["too little", 41, 60_000, { progress: 40, at: 10_000 }, false],
    ["backwards", 30, 60_000, { progress: 40, at: 10_000 }, false],
  ])("%s", (_, progress, now, written, expected) => {
    expect(isWorthWriting(progress, now, written, TIMING)).toBe(expected);
  });
});

describe("queueRank", () => {
  it("lets an old job overtake a newer one of higher priority", () => {
    const hour = 3_600_000;
    expect(queueRank(0, 0)).toBeLessThan(queueRank(hour, 5));
    expect(queueRank(0, 0)).toBeGreaterThan(queueRank(hour / 4, 5));
  });
});
