import { parallelJobs } from "@splatt/shared";
import type { AgentConnection } from "./agent-sockets.ts";
import type { ChangedAgents } from "./changed-agents.ts";
import { DueTimes } from "./due-times.ts";
import type { FaultTable } from "./fault-table.ts";
import { FreeAgents } from "./free-agents.ts";
import type { LeaseTable } from "./lease-table.ts";
import type { QueuedJob } from "./placement.ts";
import { closeIfSilent, type SilenceContext } from "./silent-agents.ts";

/** What the capacity is derived from. */
interface Sources extends SilenceContext {
  readonly leases: LeaseTable;
  readonly faults: FaultTable;
}

/**
 * Which connected agents can be given jobs, in memory. Derived from sockets, leases and faults: after a change of an
 * agent only that agent is looked at again, and all of them when the object has woken and once a minute.
 */
export class PoolCapacity {
  readonly #changed: ChangedAgents;
  #free = new FreeAgents();
  #overbooked = new Set<string>();
  #cooling = new DueTimes();

  constructor(changed: ChangedAgents) {
    this.#changed = changed;
  }

  /** The agents that have room now. */
  free(sources: Sources): FreeAgents {
    const changed = this.#changed.take();
    if (changed === null) this.#lookAtAll(sources);
    else for (const id of changed) this.#lookAt(sources, id);
    for (const id of this.#cooling.takeDue(sources.now())) this.#lookAt(sources, id);
    return this.#free;
  }

  /** The best agent for a job; null when none can take it. One whose heartbeat stopped is disconnected on the way. */
  best(sources: Sources, job: QueuedJob): string | null {
    for (;;) {
      const free = this.free(sources);
      const agentId = free.best(job);
      if (agentId === null) return null;
      const socket = sources.sockets.of(agentId);
      if (socket === null) free.delete(agentId);
      else if (!closeIfSilent(sources, socket)) return agentId;
    }
  }

  /** How many agents have a job that waits there for another to end. */
  overbooked(sources: Sources): number {
    this.free(sources);
    return this.#overbooked.size;
  }

  /** Up to `limit` of them. The next call begins with the others. */
  someOverbooked(sources: Sources, limit: number): string[] {
    this.free(sources);
    const ids: string[] = [];
    for (const id of this.#overbooked) {
      if (ids.length === limit) break;
      ids.push(id);
    }
    for (const id of ids) {
      this.#overbooked.delete(id);
      this.#overbooked.add(id);
    }
    return ids;
  }

  #lookAtAll({ sockets, leases, faults, now }: Sources): void {
    this.#free = new FreeAgents();
    this.#overbooked = new Set();
    this.#cooling = new DueTimes();
    const loads = leases.countByAgent();
    const quarantined = faults.quarantined();
    for (const { agent } of sockets.open()) {
      this.#note(agent, loads.get(agent.id) ?? 0, quarantined.has(agent.id), now());
    }
  }

  #lookAt({ sockets, leases, faults, now }: Sources, agentId: string): void {
    const socket = sockets.of(agentId);
    if (socket === null) {
      this.#free.delete(agentId);
      this.#overbooked.delete(agentId);
      return;
    }
    const isQuarantined = faults.of(agentId).quarantinedAt !== null;
    this.#note(socket.agent, leases.countOf(agentId), isQuarantined, now());
  }

  #note(
    { id, hello, draining, cooldownUntil }: AgentConnection,
    load: number,
    isQuarantined: boolean,
    now: number,
  ) {
    if (hello === null) return;
    const { offer } = hello;
    const isCooling = cooldownUntil > now;
    if (isCooling) this.#cooling.add(id, cooldownUntil);
    if (draining || isCooling || isQuarantined) this.#free.delete(id);
    else this.#free.set({ agentId: id, offer, load });
    if (load > parallelJobs(offer)) this.#overbooked.add(id);
    else this.#overbooked.delete(id);
  }
}
