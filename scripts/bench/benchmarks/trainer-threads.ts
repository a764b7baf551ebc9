import { cpus } from "node:os";
import { resolve } from "node:path";
import { measureTasks } from "@splatt/cpu-trainer/testing";
import { readShPly } from "@splatt/formats";
import { benchOptions } from "../bench-options.ts";
import { passTime, speedUp } from "../thread-model.ts";

/**
 * `npm run bench -- trainer-threads SPLAT.ply DATASET [--resolution N]`: how the builtin trainer's iterations would scale to
 * more threads than this machine has. Measures every task of an iteration on one thread, and simulates their
 * distribution; memory bandwidth and the clock of many busy cores are not simulated.
 */

const { values, positionals } = benchOptions({
  allowPositionals: true,
  options: { resolution: { type: "string", default: "540" } },
});
const from = process.env.INIT_CWD ?? process.cwd();
const [splat, dataset] = positionals;
if (splat === undefined || dataset === undefined) throw new Error("Missing argument: SPLAT.ply or DATASET");
const cloud = await readShPly(resolve(from, splat));
if (!cloud.ok) throw new Error(cloud.error);

/** Waking a spinning thread, and waiting for the last one: measured generously. */
const BARRIER_MS = 0.02;
const THREADS = [1, 2, 4, 8, 16];

const views = await measureTasks(cloud.value, { dir: resolve(from, dataset) }, Number(values.resolution), {
  views: 3,
  rounds: 15,
});
console.log(`${cpus()[0]?.model ?? "unknown processor"}; ${cloud.value.count} gaussians\n`);
console.log(
  `pass             ms on ${THREADS.map((threads) => String(threads).padStart(6)).join("")} threads`,
);
for (const pass of views[0]?.keys() ?? []) {
  const times = THREADS.map(
    (threads) => views.reduce((sum, view) => sum + passTime(view.get(pass) ?? [], threads), 0) / views.length,
  );
  console.log(`${pass.padEnd(22)}${times.map((ms) => ms.toFixed(2).padStart(6)).join("")}`);
}
const speedUps = THREADS.map(
  (threads) =>
    views.reduce((sum, view) => sum + speedUp([...view.values()], threads, BARRIER_MS), 0) / views.length,
);
console.log(`speed-up              ${speedUps.map((value) => value.toFixed(2).padStart(6)).join("")}`);
