import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ScriptedAgent } from "@splatt/e2e/scripted-agent";
import type { Fence } from "@splatt/shared";
import { startStack } from "../control-plane/bench-stack.ts";
import { machineLine } from "../control-plane/machine-line.ts";
import { p50p99, quantile } from "../control-plane/quantiles.ts";
import { BENCH_JOB } from "../control-plane/worker-contender.ts";

/**
 * `npm run bench -- webhooks`: from a job's end to its webhook. Measures the time from an agent's report to the request
 * that reaches a receiver, one job at a time and many at once, also while other receivers never answer.
 */

/** An agent may not report more at once. */
const JOBS = 50;
const SLOW_RECEIVERS = 20;

await using stack = await startStack({
  worker: "splatt",
  sources: { allowHttp: true, allowHosts: ["127.0.0.1"] },
});

/** When the event of each job arrived. */
const arrivals = new Map<string, PromiseWithResolvers<number>>();
const receiver = createServer(async (request, response) => {
  const at = performance.now();
  const body = (await request.setEncoding("utf8").toArray()).join("");
  if (request.url === "/slow") return;
  const { data } = JSON.parse(body) as { data: { job_id: string } };
  arrivalOf(data.job_id).resolve(at);
  response.writeHead(204).end();
});
await once(receiver.listen(0, "127.0.0.1"), "listening");
const origin = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
await subscribe(`${origin}/hook`);

console.log(machineLine());
console.log("from the report of a job's end, in ms (p50 / p99):       to its ack       to the receiver");
await measure("one job at a time");
for (let n = 0; n < SLOW_RECEIVERS; n++) await subscribe(`${origin}/slow`);
await measure(`the same, with ${SLOW_RECEIVERS} receivers that never answer`);
receiver.closeAllConnections();
receiver.close();

async function measure(title: string): Promise<void> {
  const toAck: number[] = [];
  const toReceiver: number[] = [];
  const waiting: ((fence: Fence) => void)[] = [];
  const { token, agent_id } = await stack.client.createAgent({ name: "bench" });
  const agent = await ScriptedAgent.connect({
    url: stack.url,
    token,
    slots: 1,
    onJob: (fence) => waiting.shift()?.(fence),
  });
  for (let n = 0; n < JOBS; n++) {
    const assigned = new Promise<Fence>((resolve) => waiting.push(resolve));
    await stack.client.createJob(BENCH_JOB);
    const fence = await assigned;
    const began = performance.now();
    await agent.endJob(fence);
    toAck.push(performance.now() - began);
    toReceiver.push((await arrivalOf(fence.job_id).promise) - began);
  }
  agent.close();
  await stack.client.deleteAgent(agent_id);
  console.log(`  ${title.padEnd(52)}${p50p99(toAck).padStart(15)}${p50p99(toReceiver).padStart(22)}`);
  if (quantile(toReceiver, 0.5) > 100) process.exitCode = 1;
}

function arrivalOf(jobId: string): PromiseWithResolvers<number> {
  const known = arrivals.get(jobId) ?? Promise.withResolvers<number>();
  arrivals.set(jobId, known);
  return known;
}

async function subscribe(url: string): Promise<void> {
  await stack.client.createWebhook({ url, events: ["job.failed"] });
}
