import type { AckedMessage, AgentMessage, Fence, ServerMessage } from "@splatt/shared";
import { and, lt, type SQL } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { jobs } from "../db/schema.ts";
import { heldUnder, isHeldUnder } from "../jobs/lease-conditions.ts";
import { applyTransition, type Transition } from "../jobs/transitions.ts";
import { receiversOf } from "../webhooks/outbox.ts";
import type { DispatchContext } from "./dispatch-context.ts";

/** How a report of an agent changed its job. `repeated`: it had done so before. `stale`: the sender lost the job. */
export type ReportOutcome = "applied" | "repeated" | "stale";

/** Makes the transition that an acked message asks for, at most once. */
export async function applyReport(
  context: DispatchContext,
  agentId: string,
  message: AckedMessage,
  transition: Transition,
): Promise<ReportOutcome> {
  const [rows, receivers] = await withRetry(() =>
    context.db.batch([
      applyTransition(context.db, transition, applicable(message, agentId)).returning({ id: jobs.id }),
      receiversOf(context.db, message.fence.job_id),
    ]),
  );
  context.wakeReceivers(receivers);
  return rows.length > 0 ? "applied" : outcomeOfUnapplied(context, agentId, message);
}

/**
 * The condition that a message still counts: its sender holds the job, and a stage has a higher number than the last.
 * A message that ends the attempt removes the lease or the status that it needs, so it cannot count twice. Its number
 * is not tested: an agent that lost the latest of its records may use a number again.
 */
export function applicable(message: AckedMessage, agentId: string): SQL | undefined {
  return and(
    heldUnder(message.fence, agentId),
    message.type === "job.stage" ? lt(jobs.lastSeq, message.seq) : undefined,
  );
}

/** No row changed: either the message was applied before and its ack was lost, or the sender's lease is gone. */
export async function outcomeOfUnapplied(
  context: DispatchContext,
  agentId: string,
  message: AckedMessage,
): Promise<ReportOutcome> {
  return (await isHeldUnder(context.db, message.fence, agentId)) ? "repeated" : "stale";
}

/** Any message about one job. */
export type JobReportMessage = Exclude<
  AgentMessage,
  { type: "hello" | "offer" | "job.held" | "job.entries" | "job.cancelled" }
>;

/**
 * The reply to an agent that does not hold the job: it has nothing to return, and nothing else that it sends counts.
 */
export function replyToStale(message: JobReportMessage): ServerMessage {
  const { type, fence } = message;
  return type === "job.returned" || type === "job.recalled"
    ? { type: "ack", fence, seq: message.seq }
    : abandon(fence);
}

export function replyFor({ fence, seq }: AckedMessage, outcome: ReportOutcome): ServerMessage {
  return outcome === "stale" ? abandon(fence) : { type: "ack", fence, seq };
}

export function abandon(fence: Fence): ServerMessage {
  return { type: "job.abandon", fence, reason: "the job is no longer yours" };
}

/** The attempt is over: its agent has a free slot. */
export function releaseLease(context: DispatchContext, fence: Fence, agentId: string): void {
  const lease = context.leases.get(fence.job_id);
  if (lease?.leaseId !== fence.lease_id || lease.agentId !== agentId) return;
  context.leases.remove(lease);
  context.writtenProgress.delete(fence.job_id);
}
