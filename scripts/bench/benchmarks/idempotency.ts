import { Agent, request } from "node:http";
import { benchOptions } from "../bench-options.ts";
import { startStack } from "../control-plane/bench-stack.ts";
import { machineLine } from "../control-plane/machine-line.ts";
import { p50p99, quantile } from "../control-plane/quantiles.ts";
import { BENCH_JOB } from "../control-plane/worker-contender.ts";

/**
 * `npm run bench -- idempotency [--rounds 1000]`: POST /jobs with a new Idempotency-Key, with one that was used before,
 * and without: alternately, one request at a time.
 */

const { values } = benchOptions({ options: { rounds: { type: "string", default: "1000" } } });
const rounds = Number(values.rounds);
const WARM_UP = 50;

console.log(machineLine());
await using stack = await startStack({ worker: "splatt" });
const http = new Agent({ keepAlive: true });
const body = JSON.stringify(BENCH_JOB);

/** @returns milliseconds */
function create(headers: Readonly<Record<string, string>>): Promise<number> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const fixed = { "x-api-key": stack.apiKey, "content-type": "application/json" };
    const sending = request(
      `${stack.url}/jobs`,
      { method: "POST", agent: http, headers: { ...fixed, ...headers } },
      (response) => {
        response.resume();
        response.on("end", () => {
          if (response.statusCode === 200) resolve(performance.now() - began);
          else reject(new Error(`unexpected status ${response.statusCode}`));
        });
      },
    );
    sending.on("error", reject);
    sending.end(body);
  });
}

const kinds = {
  "without a key": () => create({}),
  "with a new key": () => create({ "idempotency-key": crypto.randomUUID() }),
  "with a key that was used before": () => create({ "idempotency-key": "used" }),
};
const times = new Map(Object.keys(kinds).map((kind) => [kind, [] as number[]]));
for (let round = -WARM_UP; round < rounds; round++) {
  for (const [kind, send] of Object.entries(kinds)) {
    const ms = await send();
    if (round >= 0) times.get(kind)?.push(ms);
  }
}
const without = quantile(times.get("without a key") ?? [], 0.5);
console.log("\n| POST /jobs | ms, p50 / p99 | p50 to that without a key |\n|---|---|---|");
for (const [kind, all] of times) {
  console.log(`| ${kind} | ${p50p99(all)} | ${(quantile(all, 0.5) / without).toFixed(2)} |`);
}
http.destroy();
