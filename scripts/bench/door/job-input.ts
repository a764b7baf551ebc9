import { ScriptedAgent } from "@splatt/e2e/scripted-agent";
import { type Fence, fenceHeaders } from "@splatt/shared";
import { Splatt } from "splatt";

/** An uploaded video that the agent of a leased job may download. */
export interface JobInput {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  close(): void;
}

/** Leases a job on an uploaded video to an agent that keeps it. */
export async function leaseJobInput(url: string, apiKey: string, upload_id: string): Promise<JobInput> {
  const client = new Splatt({ url, apiKey });
  const { token } = await client.createAgent({ name: "bench" });
  const { promise: leased, resolve } = Promise.withResolvers<Fence>();
  const agent = await ScriptedAgent.connect({ url, token, slots: 1, onJob: resolve });
  await client.createJob({ task_id: "bench", upload_id, engine: "builtin" });
  const fence = await leased;
  return {
    url: `${url}/agent/jobs/${fence.job_id}/input`,
    headers: { authorization: `Bearer ${token}`, ...fenceHeaders(fence) },
    close: () => agent.close(),
  };
}
