import type { JobRecalled, JobReturned, ServerMessage } from "@splatt/shared";
import { requeueReturned } from "../jobs/transitions.ts";
import { log } from "../log.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { applyReport, releaseLease } from "./job-reports.ts";

/**
 * `job.returned`, `job.recalled`: the agent hands the job back, because it stops or because the job was recalled before
 * it began. The job waits for another agent, and nothing is counted against it.
 */
export async function onReturned(
  context: DispatchContext,
  agentId: string,
  message: JobReturned | JobRecalled,
): Promise<ServerMessage> {
  const { fence, seq } = message;
  const why = message.type === "job.returned" ? message.reason : "Another agent is idle.";
  const outcome = await applyReport(
    context,
    agentId,
    message,
    requeueReturned({
      agentId,
      message: `Waiting: returned by its agent. ${why}`,
      seq,
      now: context.now(),
    }),
  );
  if (outcome === "applied") log("info", "job returned", { job: fence.job_id, attempt: fence.attempt });
  releaseLease(context, fence, agentId);
  // Acked even when stale: the agent no longer has the job either way.
  return { type: "ack", fence, seq };
}
