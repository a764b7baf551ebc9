/*
 * A fake Brush 1.0, for behaviour that the real one shows only on a GPU. Run as: node fake-brush.ts FOLDER
 * ARGUMENTS…, where FOLDER holds scenario.json and gets calls.jsonl. With --summary it acts as vulkaninfo.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Scenario {
  readonly version: string;
  /** Null: no Vulkan device at all. */
  readonly device: "DISCRETE_GPU" | "CPU" | null;
  readonly train: "finishes" | "runs out of GPU memory once" | "crashes" | "cannot export";
}

async function main(folder: string, args: readonly string[]): Promise<void> {
  const scenario = JSON.parse(readFileSync(join(folder, "scenario.json"), "utf8")) as Scenario;
  const log = (text: string) => console.log(`[2026-08-17T22:38:24Z INFO  brush_cli] ${text}`);
  if (args[0] === "--summary") {
    if (scenario.device === null) return;
    console.log(`\tdeviceType         = PHYSICAL_DEVICE_TYPE_${scenario.device}`);
    console.log("\tdeviceName         = Some Device");
    return;
  }
  if (args[0] === "--version") return console.log(scenario.version);
  if (args[0] === "--help") return console.log("      --total-train-iters <TOTAL_TRAIN_ITERS>");
  appendFileSync(join(folder, "calls.jsonl"), `${JSON.stringify({ args, log: process.env.RUST_LOG })}\n`);
  log("Loading dataset");
  log("Refine iter 200, 7 splats.");
  if (scenario.train === "runs out of GPU memory once" && !existsSync("oom-retry.json")) {
    console.error("wgpu error: Out of Memory");
    process.exitCode = 101;
    return;
  }
  if (scenario.train === "crashes") process.kill(process.pid, "SIGSEGV");
  const iterations = args[args.indexOf("--total-train-iters") + 1];
  log(`Eval iter ${iterations}: PSNR 27.5, ssim 0.875`);
  if (scenario.train === "cannot export") {
    console.log(`⚠️: Export at iteration ${iterations} failed`);
  } else {
    // Takes longer to load than most calls take.
    const { emptySplatCloud, writeShPly } = await import("@splatt/formats");
    const exports = args[args.indexOf("--export-path") + 1] ?? "";
    mkdirSync(exports, { recursive: true });
    await writeShPly(join(exports, "export_0100.ply"), emptySplatCloud(3, 3));
    await writeShPly(join(exports, `export_${iterations}.ply`), emptySplatCloud(7, 3));
  }
  log('Done training! Took "3s".');
}

const [, script, folder, ...args] = process.argv;
if (script === import.meta.filename && folder !== undefined) await main(folder, args);
