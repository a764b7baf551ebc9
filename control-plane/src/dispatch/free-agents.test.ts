import { type AgentOffer, type EngineChoice, parallelJobs } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { BUILTIN_OFFER, GPU_OFFER } from "../testing/scripted-agent.ts";
import { type Candidate, FreeAgents } from "./free-agents.ts";
import { canRun, NO_NEEDS, type QueuedJob } from "./placement.ts";

/** Trains one job at a time, and prepares another meanwhile. */
const PREFETCHING: AgentOffer = { ...GPU_OFFER, slots: 2, parallel: 1 };

function candidate(agentId: string, offer: AgentOffer, load: number): Candidate {
  return { agentId, offer, load };
}

function job(id: string, engine: EngineChoice = "auto", lastAgentId: string | null = null): QueuedJob {
  return { id, engine, ...NO_NEEDS, lastAgentId };
}

/** Gives the jobs to the agents in turn. */
function place(queue: readonly QueuedJob[], candidates: readonly Candidate[]): Record<string, string> {
  const free = new FreeAgents();
  const agents = new Map(candidates.map((agent) => [agent.agentId, agent]));
  for (const agent of candidates) free.set(agent);
  const placed: Record<string, string> = {};
  for (const { id, ...needs } of queue) {
    const agent = agents.get(free.best({ id, ...needs }) ?? "");
    if (agent === undefined) continue;
    placed[id] = agent.agentId;
    const taken = { ...agent, load: agent.load + 1 };
    agents.set(agent.agentId, taken);
    free.set(taken);
  }
  return placed;
}

describe("jobs in the order of the queue go", () => {
  const ofSeveral = (id: string) => ({ ...job(id), isOfSeveral: true });
  const measured = (id: string) => ({ ...job(id), hasScaleReference: true });
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
      [candidate("a", { ...GPU_OFFER, slots: 2 }, 1), candidate("b", GPU_OFFER, 0)],
      { 1: "b" },
    ],
    ["in advance when no agent is idle", [job("1")], [candidate("a", PREFETCHING, 1)], { 1: "a" }],
    [
      "an idle agent before a less loaded one that would only prepare",
      [job("1")],
      [candidate("a", PREFETCHING, 1), candidate("b", { ...GPU_OFFER, slots: 4 }, 2)],
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
      [candidate("a", GPU_OFFER, 0), candidate("b", PREFETCHING, 1)],
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
    [
      "to the one with the most free slots of two that are as loaded",
      [job("1")],
      [candidate("a", GPU_OFFER, 0), candidate("b", { ...GPU_OFFER, slots: 4 }, 0)],
      { 1: "b" },
    ],
  ])("%s", (_, queue, agents, expected) => {
    expect(place(queue, agents)).toEqual(expected);
  });
});

it("gives jobs to equal agents in turn, and one that returned its job waits behind the others", () => {
  const free = new FreeAgents();
  for (const id of ["a", "b", "c"]) free.set(candidate(id, GPU_OFFER, 0));
  // Nothing of its capacity has changed, so it keeps its turn.
  free.set(candidate("a", { ...GPU_OFFER, reason: "still idle" }, 0));
  expect(free.best(job("1"))).toBe("a");
  free.delete("a");
  free.set(candidate("a", GPU_OFFER, 0));
  expect(free.best(job("1"))).toBe("b");
  free.set(candidate("b", GPU_OFFER, 1));
  free.set(candidate("b", GPU_OFFER, 0));
  expect(free.best(job("1"))).toBe("c");
  // Also among agents that differ in what else they can run.
  free.set(candidate("c", BUILTIN_OFFER, 0));
  expect(free.best(job("1"))).toBe("a");
});

/** Looks at every agent: what the index must not do. */
class Scan {
  readonly agents = new Map<string, { readonly candidate: Candidate; readonly turn: number }>();
  #turns = 0;

  set(candidate: Candidate): void {
    const before = this.agents.get(candidate.agentId);
    const isSame = before !== undefined && stateOf(before.candidate) === stateOf(candidate);
    this.#turns += 1;
    this.agents.set(candidate.agentId, { candidate, turn: isSame ? before.turn : this.#turns });
  }

  best(job: QueuedJob): string | null {
    const rank = ({ agentId, offer, load }: Candidate, turn: number) => [
      Number(load >= parallelJobs(offer)),
      Number(agentId !== job.lastAgentId),
      load,
      -(offer.slots - load),
      turn,
    ];
    const able = [...this.agents.values()]
      .filter(({ candidate: { offer, load } }) => load < offer.slots && canRun(offer, job))
      .map(({ candidate, turn }) => ({ id: candidate.agentId, rank: rank(candidate, turn) }))
      .toSorted((a, b) => a.rank.map((part, i) => part - (b.rank[i] ?? 0)).find((part) => part !== 0) ?? 0);
    return able[0]?.id ?? null;
  }
}

/** What of an agent decides on its jobs. */
function stateOf({ load, offer: { reason: _, gpus: __, parallel: ___, ...offer } }: Candidate): string {
  return JSON.stringify([load, offer, load >= parallelJobs({ ...offer, parallel: ___ })]);
}

/** Pseudo-random numbers (mulberry32), so that a failure can be repeated. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

it.each([1, 2, 3, 4, 5, 6, 7, 8])("chooses as a scan of all agents would, in a random pool (%i)", (seed) => {
  const random = randomOf(seed);
  const oneOf = <T>(all: readonly T[]): T => all[random(all.length)] as T;
  const offer = (): AgentOffer => ({
    ...oneOf([GPU_OFFER, BUILTIN_OFFER, { ...GPU_OFFER, default_engine: null }]),
    slots: random(4),
    parallel: oneOf([undefined, 0, 1, 2]),
    takes_several_files: oneOf([undefined, false, true]),
    takes_scale_reference: oneOf([undefined, true]),
  });
  const ids = Array.from({ length: 3 + random(20) }, (_, i) => `agent-${i}`);
  const [free, scan] = [new FreeAgents(), new Scan()];
  const seen = new Set<string | null>();
  for (let step = 0; step < 400; step++) {
    const agentId = oneOf(ids);
    const before = scan.agents.get(agentId)?.candidate;
    const changed = { agentId, offer: before === undefined || random(4) === 0 ? offer() : before.offer };
    if (random(8) === 0) {
      free.delete(agentId);
      scan.agents.delete(agentId);
    } else {
      const candidate = { ...changed, load: random(4) };
      free.set(candidate);
      scan.set(candidate);
    }
    const queued = {
      id: "job",
      engine: oneOf<EngineChoice>(["auto", "builtin", "nerfstudio", "opensplat"]),
      isOfSeveral: random(3) === 0,
      hasScaleReference: random(3) === 0,
      lastAgentId: oneOf([null, ...ids]),
    };
    const best = free.best(queued);
    expect(best).toBe(scan.best(queued));
    seen.add(best);
    const withRoom = [...scan.agents.values()].flatMap(({ candidate }) =>
      candidate.load < candidate.offer.slots ? candidate : [],
    );
    const sum = (all: readonly number[]) => all.reduce((total, one) => total + one, 0);
    expect(free.slots).toBe(sum(withRoom.map(({ load, offer: { slots } }) => slots - load)));
    expect(sum(free.idle().map(({ agents }) => agents))).toBe(
      withRoom.filter(({ load, offer }) => load < parallelJobs(offer)).length,
    );
    expect(free.offers().some((each) => canRun(each, queued))).toBe(best !== null);
  }
  expect(seen.size).toBeGreaterThan(3);
});
