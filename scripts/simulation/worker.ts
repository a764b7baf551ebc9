import { parentPort, workerData } from "node:worker_threads";
import { Databases, loadShippedCode } from "./code.ts";
import type { SourceChange } from "./loader.ts";
const now = performance.now.bind(performance);
const mem = process.memoryUsage;
const log = console.log;
const code = await loadShippedCode([]);
const { drawPlan } = await import("./plan.ts");
const { runSeed } = await import("./run-seed.ts");
const files = new Databases();
const [from, n, keep] = process.argv.slice(2).map(Number);
const t = now();
let steps = 0; let fails = 0; const st: Record<string, number> = {};
for (let s = from!; s < from! + n!; s++) {
  files.empty();
  const o = await runSeed(drawPlan(s), code, files, { keepLines: keep === 1 });
  steps += o.steps;
  for (const x of o.statuses) st[x] = (st[x] ?? 0) + 1;
  if (o.failure) { fails++; process.stdout.write(`${s} ${o.failure.invariant}: ${o.failure.finding.slice(0, 300)} hash ${o.traceHash}\n`); }
  if (keep === 1) process.stdout.write(o.lines!.join("\n") + "\n" + o.traceHash + "\n");
}
const el = now() - t;
process.stdout.write(`${n} seeds ${fails} failed ${steps} steps ${(el / n!).toFixed(2)} ms/seed ${(steps / el).toFixed(1)} steps/ms rss ${Math.round(mem().rss / 1e6)} MB ${JSON.stringify(st)}\n`);
