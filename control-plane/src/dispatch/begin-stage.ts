import type { JobStage, ServerMessage } from "@splatt/shared";
import { advance } from "../jobs/transitions.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { applyReport, replyFor } from "./job-reports.ts";

/** `job.stage`: the agent begins a stage. */
export async function onStage(
  context: DispatchContext,
  agentId: string,
  message: JobStage,
): Promise<ServerMessage> {
  const now = context.now();
  const outcome = await applyReport(context, agentId, message, advance({ ...message, now }));
  if (outcome === "applied") {
    context.writtenProgress.set(message.fence.job_id, { progress: message.progress, at: now });
  }
  return replyFor(message, outcome);
}
