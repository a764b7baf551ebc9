import { appendFileSync, statSync } from "node:fs";
import { appendFile, readFile } from "node:fs/promises";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { isMainThread } from "node:worker_threads";

/**
 * Loaded into an agent and its trainer's threads before their own code (`node --import`): holds at gates (see
 * harness/gate.ts) the stages without a tool that could be held. EXPORT_GATE is the path of the export's gate;
 * CHECKPOINT_GATE, if set, that of the training's, which stops there after writing a checkpoint.
 */
const require = createRequire(import.meta.url);
const LOOK_MS = 10;

const { EXPORT_GATE, CHECKPOINT_GATE } = process.env;
if (isMainThread && EXPORT_GATE !== undefined) holdExport(EXPORT_GATE);
if (!isMainThread && CHECKPOINT_GATE !== undefined) holdTraining(CHECKPOINT_GATE);
syncBuiltinESMExports();

function holdExport(gate: string): void {
  const fs = require("node:fs/promises") as typeof import("node:fs/promises");
  const { copyFile } = fs;
  fs.copyFile = async (from, to, mode) => {
    if (/\/export\.[^/]*\.part\/engine-splat\.ply$/.test(String(to))) {
      await appendFile(`${gate}.arrivals`, "export\n");
      await readFile(gate);
    }
    return copyFile(from, to, mode);
  };
}

function holdTraining(gate: string): void {
  // On a fast machine this short training would finish before the first checkpoint is due, so its threads' clock
  // runs a hundred times as fast.
  const now = performance.now.bind(performance);
  performance.now = () => 100 * now();

  const fs = require("node:fs") as typeof import("node:fs");
  const { renameSync } = fs;
  fs.renameSync = (from, to) => {
    renameSync(from, to);
    if (!String(to).endsWith("/checkpoint.bin")) return;
    appendFileSync(`${gate}.arrivals`, "checkpoint\n");
    // Opening the pipe would prevent the thread, and so the agent, from ending; polling does not.
    const nobody = new Int32Array(new SharedArrayBuffer(4));
    while (statSync(gate).isFIFO()) Atomics.wait(nobody, 0, 0, LOOK_MS);
  };
}
