import { and, eq, inArray } from "drizzle-orm";
import { jobs } from "../db/schema.ts";
import { candidates } from "./candidates.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { fenceOf } from "./held-lease.ts";
import type { Lease } from "./lease-table.ts";
import { type Candidate, canRun, isBusy, type QueuedJob } from "./placement.ts";
import { NEEDS } from "./queue.ts";

/**
 * Recalls jobs that were assigned to busy agents in advance, for agents that are idle now. The busy agent decides: it
 * returns only a job that it has not begun.
 */
export async function recallPrefetched(context: DispatchContext): Promise<void> {
  for (const jobId of context.recalled)
    if (context.leases.get(jobId) === null) context.recalled.delete(jobId);
  const loads = context.leases.countByAgent();
  const waiting = context.sockets
    .open()
    .filter(({ agent: { id, hello } }) => {
      const load = loads.get(id) ?? 0;
      return hello !== null && load > 0 && isBusy({ load: load - 1, offer: hello.offer });
    })
    .flatMap(({ agent }) => context.leases.ofAgent(agent.id))
    .filter(({ state, jobId }) => state === "held" && !context.recalled.has(jobId));
  if (waiting.length === 0) return;
  const idle = candidates(context).filter((agent) => agent.freeSlots > 0 && !isBusy(agent));
  if (idle.length === 0) return;
  const unbegun = await context.db
    .select({ id: jobs.id, engine: jobs.engine, ...NEEDS, lastAgentId: jobs.lastAgentId })
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
    const socket = context.sockets.of(lease.agentId);
    if (socket === null || context.leases.get(lease.jobId)?.leaseId !== lease.leaseId) continue;
    context.recalled.add(lease.jobId);
    context.sockets.send(socket.ws, {
      type: "job.recall",
      fence: fenceOf(lease),
      reason: "another agent is idle",
    });
  }
}

/** Which of the jobs that wait at busy agents the idle ones could begin at once; at most one per idle agent. */
export function chooseRecalls(
  unbegun: readonly QueuedJob[],
  leases: readonly Lease[],
  idle: readonly Candidate[],
): Lease[] {
  const takers = [...idle];
  return unbegun.flatMap((job) => {
    const lease = leases.find(({ jobId }) => jobId === job.id);
    const taker = takers.findIndex(({ agentId, offer }) => agentId !== lease?.agentId && canRun(offer, job));
    if (lease === undefined || taker < 0) return [];
    takers.splice(taker, 1);
    return [lease];
  });
}
