import { Agent, request } from "node:http";
import { ScriptedAgent } from "@splatt/e2e/scripted-agent";
import type { Fence } from "@splatt/shared";
import { Arrivals } from "./arrivals.ts";
import { startStack, type WorkerName } from "./bench-stack.ts";
import type { Contender } from "./contender.ts";

export const BENCH_JOB = {
  task_id: "bench",
  filebin_url: "https://example.com/v.mp4",
  filename: "v.mp4",
  engine: "builtin",
} as const;

/** A Worker on workerd with scripted agents. */
export async function workerContender(
  worker: WorkerName,
  d1DelayMs: number,
  agents: number,
  slots: number,
): Promise<Contender> {
  const stack = await startStack({ worker, d1DelayMs });
  const arrivals = new Arrivals();
  let open: { fence: Fence; agent: ScriptedAgent }[] = [];
  const fleet: ScriptedAgent[] = [];
  for (let i = 0; i < agents; i++) {
    const token = worker === "bare" ? "" : (await stack.client.createAgent({ name: `agent-${i}` })).token;
    const onJob = (fence: Fence, agent: ScriptedAgent) => {
      arrivals.note(fence.job_id);
      open.push({ fence, agent });
    };
    fleet.push(await ScriptedAgent.connect({ url: stack.url, token, slots, onJob }));
  }
  const http = new Agent({ keepAlive: true });
  return {
    name: worker,
    async handOver() {
      const began = performance.now();
      const { job_id } = await postJson<{ job_id: string }>(
        `${stack.url}/jobs`,
        http,
        stack.apiKey,
        BENCH_JOB,
      );
      return (await arrivals.of(job_id)) - began;
    },
    async settle() {
      const ending = open;
      open = [];
      if (worker === "splatt") await Promise.all(ending.map(({ fence, agent }) => agent.endJob(fence)));
    },
    async [Symbol.asyncDispose]() {
      for (const agent of fleet) agent.close();
      http.destroy();
      await stack[Symbol.asyncDispose]();
    },
  };
}

/** Posts JSON over kept-alive connections: `fetch` would add more to the measured time. */
export function postJson<T>(url: string, agent: Agent, apiKey: string, body: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body);
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      "x-api-key": apiKey,
    };
    const sending = request(url, { method: "POST", agent, headers }, async (response) => {
      const answer = Buffer.concat(await response.toArray()).toString();
      if (response.statusCode === 200) resolve(JSON.parse(answer) as T);
      else reject(new Error(`${response.statusCode}: ${answer}`));
    });
    sending.on("error", reject);
    sending.end(text);
  });
}
