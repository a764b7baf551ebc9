import { parentPort, workerData } from "node:worker_threads";
import { Databases, loadShippedCode } from "./code.ts";
import type { SourceChange } from "./loader.ts";
import type { Outcome } from "./run-seed.ts";
import type { Explanation } from "./shrink.ts";

/** A thread that loads the shipped code onto the fakes once, then runs seeds on it one after another. */

export type Task =
  | { readonly kind: "run"; readonly seed: number }
  | { readonly kind: "explain"; readonly seed: number; readonly shrinks: boolean };

export type Reply =
  | { readonly kind: "ready" }
  | { readonly kind: "ran"; readonly outcome: Outcome }
  | { readonly kind: "explained"; readonly explanation: Explanation };

const { changes } = workerData as { readonly changes: readonly SourceChange[] };
/** Stack traces are the most expensive part of an error, and are needed only when a seed is explained. */
const STACK_LINES = 30;

const code = await loadShippedCode(changes);
// These import the shipped code and must not load it before the fakes are installed.
const { drawPlan } = await import("./plan.ts");
const { runSeed } = await import("./run-seed.ts");
const { explain } = await import("./shrink.ts");
const files = new Databases(changes);

const reply = (message: Reply) => parentPort?.postMessage(message);

parentPort?.on("message", async (task: Task) => {
  if (task.kind === "run") {
    Error.stackTraceLimit = 0;
    reply({ kind: "ran", outcome: await runSeed(drawPlan(task.seed), code, files, { keepLines: false }) });
  } else {
    Error.stackTraceLimit = STACK_LINES;
    const run = (plan: Parameters<typeof runSeed>[0], keepLines: boolean) =>
      runSeed(plan, code, files, { keepLines });
    reply({ kind: "explained", explanation: await explain(drawPlan(task.seed), run, task.shrinks) });
  }
});
reply({ kind: "ready" });
