import { type AgentOffer, type EngineChoice, engineFor } from "@splatt/shared";

export interface QueuedJob {
  readonly id: string;
  readonly engine: EngineChoice;
}

export interface Candidate {
  readonly agentId: string;
  readonly offer: AgentOffer;
  readonly freeSlots: number;
  /** How many jobs the agent has now. */
  readonly load: number;
}

export interface Placement {
  readonly jobId: string;
  readonly agentId: string;
}

/** Who gets which job: jobs in the queue's order, each to the least loaded agent that can run it. */
export function place(queue: readonly QueuedJob[], candidates: readonly Candidate[]): Placement[] {
  const agents = candidates.map((candidate) => ({ ...candidate }));
  const placements: Placement[] = [];
  for (const job of queue) {
    const [agent] = agents
      .filter(({ freeSlots, offer }) => freeSlots > 0 && engineFor(job.engine, offer) !== null)
      .toSorted((a, b) => a.load - b.load || b.freeSlots - a.freeSlots);
    if (agent === undefined) continue;
    agent.freeSlots -= 1;
    agent.load += 1;
    placements.push({ jobId: job.id, agentId: agent.agentId });
  }
  return placements;
}

/** The engine choices that a job may name so that one of `offers` runs it. */
export function runnableChoices(offers: readonly AgentOffer[]): EngineChoice[] {
  const choices = new Set<EngineChoice>();
  for (const offer of offers.filter(({ slots }) => slots > 0)) {
    if (offer.default_engine !== null) choices.add("auto");
    for (const engine of offer.engines) if (engine.usable) choices.add(engine.name);
  }
  return [...choices];
}

/** Why a job that asks for `choice` waits although an agent might be idle; null when one can run it. */
export function unmetNeed(choice: EngineChoice, pool: string, offers: readonly AgentOffer[]): string | null {
  if (offers.length === 0) return `Waiting for an agent: none is connected to pool "${pool}".`;
  if (runnableChoices(offers).includes(choice)) return null;
  if (choice === "auto") {
    return `Waiting: no connected agent of pool "${pool}" offers an engine. ${offers[0]?.reason ?? ""}`.trim();
  }
  return `Waiting: no connected agent of pool "${pool}" can run the engine "${choice}".`;
}
