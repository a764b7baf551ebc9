import { and, eq, inArray, sql } from "drizzle-orm";
import { jobs } from "../db/schema.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import type { IdleAgents } from "./free-agents.ts";
import { fenceOf } from "./held-lease.ts";
import type { Lease } from "./lease-table.ts";
import { canRun, type QueuedJob } from "./placement.ts";
import { NEEDS } from "./queue.ts";

/** How often jobs to recall are looked for at most, and at how many busy agents each time. */
const RECALL_PAUSE_MS = 1000;
const EXAMINED_AT_ONCE = 200;

/**
 * Recalls jobs that were assigned to busy agents in advance, for agents that are idle now. The busy agent decides: it
 * returns only a job that it has not begun.
 */
export async function recallPrefetched(context: DispatchContext): Promise<void> {
  const idle = context.capacity.free(context).idle();
  const overbooked = context.capacity.overbooked(context);
  if (idle.length === 0 || overbooked === 0) return;
  const now = context.now();
  if (now < context.recallsAgainAt) return context.alarm.wakeAt(context.recallsAgainAt);
  context.recallsAgainAt = now + RECALL_PAUSE_MS;
  if (overbooked > EXAMINED_AT_ONCE) context.alarm.wakeAt(context.recallsAgainAt);

  for (const jobId of context.recalled)
    if (context.leases.get(jobId) === null) context.recalled.delete(jobId);
  const waiting = context.capacity
    .someOverbooked(context, EXAMINED_AT_ONCE)
    .flatMap((agentId) => context.leases.ofAgent(agentId))
    .filter(({ state, jobId }) => state === "held" && !context.recalled.has(jobId));
  if (waiting.length === 0) return;
  const ids = JSON.stringify(waiting.map(({ jobId }) => jobId));
  const unbegun = await context.db
    .select({ id: jobs.id, engine: jobs.engine, ...NEEDS, lastAgentId: jobs.lastAgentId })
    .from(jobs)
    .where(and(inArray(jobs.id, sql`(SELECT value FROM json_each(${ids}))`), eq(jobs.status, "queued")));
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
  idle: readonly IdleAgents[],
): Lease[] {
  const takers = idle.map(({ offer, agents }) => ({ offer, left: agents }));
  const leaseOf = new Map(leases.map((lease) => [lease.jobId, lease]));
  return unbegun.flatMap((job) => {
    const lease = leaseOf.get(job.id);
    const taker = takers.find(({ offer, left }) => left > 0 && canRun(offer, job));
    if (lease === undefined || taker === undefined) return [];
    taker.left -= 1;
    return [lease];
  });
}
