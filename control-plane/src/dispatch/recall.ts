import { engineFor } from "@splatt/shared";
import { and, eq, inArray } from "drizzle-orm";
import { jobs } from "../db/schema.ts";
import { candidates, fenceOf } from "./assign.ts";
import type { Hub } from "./hub.ts";
import type { Lease } from "./lease-table.ts";
import { type Candidate, isBusy, type QueuedJob } from "./placement.ts";

/**
 * Jobs that were given to busy agents in advance are called back for agents that have fallen idle. The agent that
 * has one decides: only what it has not begun comes back.
 */
export async function recallPrefetched(hub: Hub): Promise<void> {
  for (const jobId of hub.recalled) if (hub.leases.get(jobId) === null) hub.recalled.delete(jobId);
  const loads = hub.leases.countByAgent();
  const waiting = hub.sockets
    .open()
    .filter(({ agent: { id, hello } }) => {
      const load = loads.get(id) ?? 0;
      return hello !== null && load > 0 && isBusy({ load: load - 1, offer: hello.offer });
    })
    .flatMap(({ agent }) => hub.leases.ofAgent(agent.id))
    .filter(({ state, jobId }) => state === "held" && !hub.recalled.has(jobId));
  if (waiting.length === 0) return;
  const idle = candidates(hub).filter((agent) => agent.freeSlots > 0 && !isBusy(agent));
  if (idle.length === 0) return;
  const unbegun = await hub.db
    .select({ id: jobs.id, engine: jobs.engine, lastAgentId: jobs.lastAgentId })
    .from(jobs)
    .where(
      and(
        inArray(
          jobs.id,
          waiting.map(({ jobId }) => jobId),
        ),
        eq(jobs.status, "queued"),
      ),
    );
  for (const lease of chooseRecalls(unbegun, waiting, idle)) {
    const socket = hub.sockets.of(lease.agentId);
    if (socket === null || hub.leases.get(lease.jobId)?.leaseId !== lease.leaseId) continue;
    hub.recalled.add(lease.jobId);
    hub.sockets.send(socket.ws, {
      type: "job.recall",
      fence: fenceOf(lease),
      reason: "another agent is idle",
    });
  }
}

/** Which of the jobs that wait at busy agents the idle ones could begin at once: at most one for each of them. */
export function chooseRecalls(
  unbegun: readonly QueuedJob[],
  leases: readonly Lease[],
  idle: readonly Candidate[],
): Lease[] {
  const takers = [...idle];
  return unbegun.flatMap((job) => {
    const lease = leases.find(({ jobId }) => jobId === job.id);
    const taker = takers.findIndex(
      ({ agentId, offer }) => agentId !== lease?.agentId && engineFor(job.engine, offer) !== null,
    );
    if (lease === undefined || taker < 0) return [];
    takers.splice(taker, 1);
    return [lease];
  });
}
