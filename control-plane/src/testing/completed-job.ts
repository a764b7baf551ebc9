import { createJob, mintAgent } from "./api.ts";
import { newPool } from "./dispatch.ts";
import { ScriptedAgent } from "./scripted-agent.ts";

/**
 * A job that an agent has completed. Each file's content is "result" and its name.
 *
 * @param extras result files besides those that every job has
 */
export async function completedJob(
  fields: Record<string, unknown> = {},
  extras: readonly string[] = [],
): Promise<{ jobId: string; pool: string; agent: ScriptedAgent }> {
  const pool = newPool();
  const { token } = await mintAgent(pool);
  const agent = await ScriptedAgent.connect(token);
  const jobId = await createJob({ ...fields, pool });
  const fence = await agent.takeJob();
  await agent.complete(fence, 1, "result", extras);
  await agent.next("ack");
  return { jobId, pool, agent };
}
