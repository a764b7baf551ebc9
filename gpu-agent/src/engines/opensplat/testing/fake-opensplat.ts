/*
 * A fake OpenSplat 1.2, for behaviour that the real one shows only on a GPU. Run as: node fake-opensplat.ts
 * FOLDER ARGUMENTS…, where FOLDER holds scenario.json and gets calls.jsonl.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Scenario {
  readonly version: string;
  readonly device: "CUDA" | "CPU";
  readonly train:
    | "finishes"
    | "runs out of GPU memory once"
    | "crashes"
    | "leaves nothing"
    | "stops early"
    | "crashes when resumed";
}

async function main(folder: string, args: readonly string[]): Promise<void> {
  const scenario = JSON.parse(readFileSync(join(folder, "scenario.json"), "utf8")) as Scenario;
  const { CUDA_VISIBLE_DEVICES: gpu } = process.env;
  appendFileSync(join(folder, "calls.jsonl"), `${JSON.stringify({ args, gpu })}\n`);
  if (args[0] === "--version") return console.log(scenario.version);
  console.log(`Using ${scenario.device}`);
  if (args[0] === ".") {
    console.error("Invalid project folder (must be either a colmap or nerfstudio or openmvg project folder)");
    process.exitCode = 1;
    return;
  }
  if (scenario.device === "CPU") {
    setInterval(() => undefined, 1000);
    return;
  }
  console.log("Loading frame_00001.jpg");
  console.log("Step 10: 0.123 [1%]");
  if (scenario.train === "runs out of GPU memory once" && !existsSync("oom-retry.json")) {
    console.error("CUDA out of memory. Tried to allocate 2.00 GiB.");
    process.exitCode = 1;
    return;
  }
  const crashes =
    scenario.train === "crashes when resumed" ? args.includes("--resume") : scenario.train === "crashes";
  if (crashes) process.kill(process.pid, "SIGSEGV");
  if (scenario.train === "leaves nothing") return;
  const iterations = args[args.indexOf("--num-iters") + 1];
  if (scenario.train !== "stops early") console.log(`Step ${iterations}: 0.023 [100%]`);
  // Takes longer to load than most calls take.
  const { emptySplatCloud, writeShPly } = await import("@splatt/formats");
  await writeShPly("splat_500.ply", emptySplatCloud(7, 3));
  await writeShPly("splat.ply", emptySplatCloud(7, 3));
  console.log("Wrote splat.ply");
  if (args.includes("--val")) console.log("/d/frame_00010.jpg validation PSNR: 27.5");
}

const [, script, folder, ...args] = process.argv;
if (script === import.meta.filename && folder !== undefined) await main(folder, args);
