import type { AgentOffer, EngineChoice } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { BUILTIN_OFFER } from "../testing/scripted-agent.ts";
import { leaseDeadline } from "./lease-deadline.ts";
import type { Lease } from "./lease-table.ts";
import { NO_NEEDS, place, runnableChoices, unmetNeed } from "./placement.ts";
import { isWorthWriting } from "./progress.ts";
import { queueRank } from "./queue-rank.ts";
import { dispatchTiming } from "./timing.ts";

const TIMING = dispatchTiming(undefined);

const GPU_OFFER: AgentOffer = {
  engines: [
    { name: "nerfstudio", usable: true, version: "1.1.5", reason: "" },
    { name: "brush", usable: false, version: null, reason: "not installed" },
  ],
  default_engine: "nerfstudio",
  slots: 1,
  reason: "nerfstudio on NVIDIA A100",
  gpus: [],
};

function candidate(agentId: string, offer: AgentOffer, load: number, slots = 1) {
  return { agentId, offer, load, freeSlots: Math.max(0, slots - load) };
}

describe("place", () => {
  const job = (id: string, engine: EngineChoice = "auto", lastAgentId: string | null = null) => ({
    id,
    engine,
    ...NO_NEEDS,
    lastAgentId,
  });
  const ofSeveral = (id: string) => ({ ...job(id), isOfSeveral: true });
  const measured = (id: string) => ({ ...job(id), hasScaleReference: true });
  /** Trains one job at a time, and prepares another meanwhile. */
  const PREFETCHING: AgentOffer = { ...GPU_OFFER, slots: 2, parallel: 1 };
  it.each([
    ["nothing to do", [], [candidate("a", GPU_OFFER, 0)], {}],
    ["no agent", [job("1")], [], {}],
    [
      "one each",
      [job("1"), job("2")],
      [candidate("a", GPU_OFFER, 0), candidate("b", GPU_OFFER, 0)],
      { 1: "a", 2: "b" },
    ],
    ["more jobs than slots", [job("1"), job("2")], [candidate("a", GPU_OFFER, 0)], { 1: "a" }],
    [
      "an idle agent first",
      [job("1")],
      [candidate("a", GPU_OFFER, 1, 2), candidate("b", GPU_OFFER, 0)],
      { 1: "b" },
    ],
    ["in advance when no agent is idle", [job("1")], [candidate("a", PREFETCHING, 1, 2)], { 1: "a" }],
    [
      "an idle agent before a less loaded one that would only prepare",
      [job("1")],
      [candidate("a", PREFETCHING, 1, 2), candidate("b", { ...GPU_OFFER, slots: 4 }, 2, 4)],
      { 1: "b" },
    ],
    [
      "back to who worked on it before",
      [job("1", "auto", "b")],
      [candidate("a", GPU_OFFER, 0), candidate("b", GPU_OFFER, 0)],
      { 1: "b" },
    ],
    [
      "to another when that one is busy",
      [job("1", "auto", "b")],
      [candidate("a", GPU_OFFER, 0), candidate("b", PREFETCHING, 1, 2)],
      { 1: "a" },
    ],
    [
      "by engine",
      [job("1", "builtin")],
      [candidate("a", GPU_OFFER, 0), candidate("b", BUILTIN_OFFER, 0)],
      { 1: "b" },
    ],
    ["not by an unusable engine", [job("1", "brush")], [candidate("a", GPU_OFFER, 0)], {}],
    [
      "a job that no agent can run does not delay others",
      [job("1", "opensplat"), job("2")],
      [candidate("a", GPU_OFFER, 0)],
      { 2: "a" },
    ],
    [
      "a job of several uploads not to an agent that does not know them",
      [ofSeveral("1"), job("2")],
      [candidate("a", GPU_OFFER, 0)],
      { 2: "a" },
    ],
    [
      "a job of several uploads to an agent that takes them",
      [ofSeveral("1")],
      [candidate("a", GPU_OFFER, 0), candidate("b", { ...GPU_OFFER, takes_several_files: true }, 0)],
      { 1: "b" },
    ],
    [
      "a job with a scale reference to an agent that measures it",
      [measured("1"), job("2")],
      [
        candidate("a", { ...GPU_OFFER, takes_several_files: true }, 0),
        candidate("b", { ...GPU_OFFER, takes_scale_reference: true }, 0),
      ],
      { 1: "b", 2: "a" },
    ],
  ])("%s", (_, queue, agents, expected) => {
    const placed = Object.fromEntries(place(queue, agents).map(({ jobId, agentId }) => [jobId, agentId]));
    expect(placed).toEqual(expected);
  });
});

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
