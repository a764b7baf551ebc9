import { type AgentOffer, parallelJobs } from "@splatt/shared";
import { abilitiesOf } from "./offer-index.ts";
import { canRun, type QueuedJob } from "./placement.ts";

/** An agent that may be given jobs, if it has room. */
export interface Candidate {
  readonly agentId: string;
  readonly offer: AgentOffer;
  /** How many leases the agent has now. */
  readonly load: number;
}

/** Agents that can run the same jobs. */
interface Group {
  readonly offer: AgentOffer;
  /** By level, its agents, the one that has had it longest first. */
  readonly levels: Map<number, Map<string, Place>>;
  slots: number;
  idle: number;
}

interface Place {
  readonly candidate: Candidate;
  readonly group: string;
  readonly level: number;
  /** Grows with each agent that takes a place. */
  readonly turn: number;
}

/** Agents of one kind that could begin a job at once. */
export interface IdleAgents {
  readonly offer: AgentOffer;
  readonly agents: number;
}

/**
 * The agents with free slots, grouped so that choosing one takes as long among thousands as among a few. It depends on
 * how many different kinds of agents there are, and slots.
 *
 * Best for a job is an agent that would begin it at once; then the one that worked on it before; then the least loaded;
 * then the one with the most free slots; then the one that has been in this state longest, so that an agent which
 * returns its jobs waits behind the others.
 */
export class FreeAgents {
  readonly #groups = new Map<string, Group>();
  readonly #places = new Map<string, Place>();
  #turn = 0;

  /** An agent whose capacity has not changed keeps its turn. */
  set(candidate: Candidate): void {
    const { agentId, offer } = candidate;
    const before = this.#places.get(agentId);
    const group = abilitiesOf(offer);
    const level = levelOf(candidate);
    if (before?.group === group && before.level === level && hasRoom(candidate)) return;
    this.delete(agentId);
    if (!hasRoom(candidate)) return;
    this.#turn += 1;
    this.#add({ candidate, group, level, turn: this.#turn });
  }

  delete(agentId: string): void {
    const place = this.#places.get(agentId);
    if (place === undefined) return;
    this.#places.delete(agentId);
    const group = this.#groups.get(place.group);
    const agents = group?.levels.get(place.level);
    if (group === undefined || agents === undefined) return;
    agents.delete(agentId);
    if (agents.size === 0) group.levels.delete(place.level);
    if (group.levels.size === 0) this.#groups.delete(place.group);
    count(group, place, -1);
  }

  /** The best agent for a job; null when none can take it. */
  best(job: QueuedJob): string | null {
    let best: Place | null = null;
    for (const { offer, levels } of this.#groups.values()) {
      if (!canRun(offer, job)) continue;
      for (const agents of levels.values()) {
        const [first] = agents.values();
        if (first !== undefined && (best === null || isBefore(first, best))) best = first;
      }
    }
    if (best === null) return null;
    const last = job.lastAgentId === null ? undefined : this.#places.get(job.lastAgentId);
    const isLastBest =
      last !== undefined && canRun(last.candidate.offer, job) && isBusy(last) <= isBusy(best);
    return (isLastBest ? last : best).candidate.agentId;
  }

  get slots(): number {
    return Array.from(this.#groups.values()).reduce((sum, { slots }) => sum + slots, 0);
  }

  /** One offer of each kind of agent. */
  offers(): AgentOffer[] {
    return Array.from(this.#groups.values(), ({ offer }) => offer);
  }

  /** The agents that could begin another job at once. */
  idle(): IdleAgents[] {
    return Array.from(this.#groups.values(), ({ offer, idle }) => ({ offer, agents: idle })).filter(
      ({ agents }) => agents > 0,
    );
  }

  #add(place: Place): void {
    const { candidate, level } = place;
    const group = this.#groups.get(place.group) ?? {
      offer: candidate.offer,
      levels: new Map<number, Map<string, Place>>(),
      slots: 0,
      idle: 0,
    };
    const agents = group.levels.get(level) ?? new Map<string, Place>();
    agents.set(candidate.agentId, place);
    group.levels.set(level, agents);
    this.#groups.set(place.group, group);
    this.#places.set(candidate.agentId, place);
    count(group, place, 1);
  }
}

function count(group: Group, place: Place, by: 1 | -1): void {
  group.slots += by * freeSlots(place.candidate);
  group.idle += by * (1 - isBusy(place));
}

function freeSlots({ offer, load }: Candidate): number {
  return offer.slots - load;
}

function hasRoom(candidate: Candidate): boolean {
  return freeSlots(candidate) > 0;
}

/** Slots, and so loads below them, are at most 64. */
const BITS = 7;

/** The lower, the better: by whether the job would have to wait, then by load, then by free slots. */
function levelOf(candidate: Candidate): number {
  const { load, offer } = candidate;
  const isBusy = load >= parallelJobs(offer) ? 1 : 0;
  return (((isBusy << BITS) | load) << BITS) | (64 - freeSlots(candidate));
}

/** 1 if another job would have to wait at this agent. */
function isBusy({ level }: Place): number {
  return level >> (2 * BITS);
}

function isBefore(a: Place, b: Place): boolean {
  return a.level === b.level ? a.turn < b.turn : a.level < b.level;
}
