import { ScriptedAgent } from "@splatt/e2e/scripted-agent";
import { type Fence, WATCH_KEY_PREFIX, WATCH_SUBPROTOCOL } from "@splatt/shared";
import { startStack } from "../control-plane/bench-stack.ts";
import { machineLine } from "../control-plane/machine-line.ts";
import { quantile } from "../control-plane/quantiles.ts";
import { BENCH_JOB } from "../control-plane/worker-contender.ts";

/**
 * `npm run bench -- watch`: 1,000 watchers of one job. Measures when a change reaches the first and the last of them,
 * and the memory that a watcher takes.
 */

const WATCHERS = 1000;
const CONNECTING_AT_ONCE = 20;
const CHANGES = 20;

await using stack = await startStack({
  worker: "splatt",
  limits: { connections: WATCHERS + 100, connectionsPerAddress: WATCHERS + 100 },
});
const { token } = await stack.client.createAgent({ name: "bench" });
const assigned = Promise.withResolvers<{ fence: Fence; agent: ScriptedAgent }>();
const agent = await ScriptedAgent.connect({
  url: stack.url,
  token,
  slots: 1,
  onJob: (fence, holder) => assigned.resolve({ fence, agent: holder }),
});
const { job_id } = await stack.client.createJob(BENCH_JOB);
const { fence } = await assigned.promise;

const memoryBefore = await stack.runtimeMemory();
let onMessage: (text: string) => void = () => undefined;
const sockets: WebSocket[] = [];
const connectedIn = await timed(async () => {
  while (sockets.length < WATCHERS) {
    const opening = Array.from({ length: CONNECTING_AT_ONCE }, () => open(job_id));
    sockets.push(...(await Promise.all(opening)));
  }
});
const memoryAfter = await stack.runtimeMemory();

const first: number[] = [];
const last: number[] = [];
for (let change = 1; change <= CHANGES; change++) {
  const began = performance.now();
  const arrived = arrivals(`"message":"change ${change}"`, began);
  const message = `change ${change}`;
  agent.report({ type: "job.progress", fence, progress: 1, stage_progress: change, message, eta_seconds: 1 });
  const times = await arrived;
  first.push(times[0] ?? 0);
  last.push(times.at(-1) ?? 0);
}
const began = performance.now();
const ended = arrivals('"type":"end"', began);
await stack.client.cancelJob(job_id);
const end = (await ended).at(-1) ?? 0;

console.log(machineLine());
console.log(`${WATCHERS} watchers connected in ${(connectedIn / 1000).toFixed(1)} s`);
console.log(
  `memory of the runtime: ${((memoryAfter - memoryBefore) / WATCHERS / 1024).toFixed(1)} KiB a watcher`,
);
console.log(`${CHANGES} changes: the first watcher has one after ${ms(quantile(first, 0.5))} (median)`);
console.log(`  the last one after ${ms(quantile(last, 0.5))} (median), ${ms(Math.max(...last))} at most`);
console.log(`a cancel: the last watcher has the end after ${ms(end)}`);
agent.close();

async function open(jobId: string): Promise<WebSocket> {
  const url = `${stack.url.replace(/^http/, "ws")}/jobs/${jobId}/watch`;
  const key = WATCH_KEY_PREFIX + Buffer.from(stack.apiKey).toString("base64url");
  const socket = new WebSocket(url, [WATCH_SUBPROTOCOL, key]);
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("error", () => reject(new Error("a watcher was not admitted")));
    socket.addEventListener("message", ({ data }) => {
      resolve();
      onMessage(String(data));
    });
  });
  return socket;
}

/** When each watcher got a message with this text, in milliseconds, once all have it. */
function arrivals(text: string, since: number): Promise<number[]> {
  const times: number[] = [];
  return new Promise((resolve) => {
    onMessage = (received) => {
      if (!received.includes(text)) return;
      times.push(performance.now() - since);
      if (times.length === WATCHERS) resolve(times);
    };
  });
}

async function timed(work: () => Promise<void>): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
