/*
 * A fake Python with a fake nerfstudio, for faults that the real one shows only on a GPU.
 * It prints lines recorded from nerfstudio 1.1.5. Run as: node fake-nerfstudio.ts FOLDER PYTHON-ARGUMENTS…,
 * where FOLDER holds scenario.json and gets calls.jsonl.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { CHECKPOINT_DIR } from "../run-layout.ts";

export interface Scenario {
  readonly probe: "answers" | "crashes";
  readonly train:
    | "finishes"
    | "runs out of GPU memory"
    | "runs out of GPU memory once"
    | "is interrupted"
    | "leaves half a checkpoint"
    | "leaves no config"
    | "does not say that it finished"
    | "is killed"
    | "cannot resume"
    | "waits";
  readonly evaluate: "measures" | "fails" | "fails after training";
  readonly checkpoint: "is known" | "has no gaussian" | "is of another version";
  readonly export: "writes" | "writes nothing" | "writes no gaussian" | "has only NaN";
}

export interface Call {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whether the dataset given to nerfstudio has points to start from. */
  readonly seeds: boolean;
  readonly checkpoints: readonly string[];
}

export const ALL_WELL: Scenario = {
  probe: "answers",
  train: "finishes",
  evaluate: "measures",
  checkpoint: "is known",
  export: "writes",
};
export const FAKE_PSNR = 27.5;
export const FAKE_GAUSSIANS = 1234;

/** The end record of a ZIP archive, which marks a complete checkpoint. */
export const WHOLE_CHECKPOINT = Buffer.concat([Buffer.from([0x50, 0x4b, 0x05, 0x06]), Buffer.alloc(18)]);

function main(folder: string, args: readonly string[]): void {
  const scenario = JSON.parse(readFileSync(join(folder, "scenario.json"), "utf8")) as Scenario;
  const dataset = "nerfstudio-dataset/transforms.json";
  const seeds = existsSync(dataset) && readFileSync(dataset, "utf8").includes("ply_file_path");
  const checkpoints = existsSync(CHECKPOINT_DIR) ? readdirSync(CHECKPOINT_DIR) : [];
  const call = { args, cwd: process.cwd(), env: process.env, seeds, checkpoints };
  appendFileSync(join(folder, "calls.jsonl"), `${JSON.stringify(call)}\n`);

  const [script = ""] = args;
  if (script.endsWith("splatt_probe.py")) probe(scenario.probe);
  else if (script.endsWith("splatt_checkpoint_ply.py")) writeCheckpoint(scenario.checkpoint, args);
  else if (!script.endsWith("splatt_nerfstudio.py")) throw new Error(`The fake has no ${script}`);
  else runPrograms(scenario, args.slice(1));
}

/** One after another, until one fails. */
function runPrograms(scenario: Scenario, args: readonly string[]): void {
  const end = args.indexOf("--then");
  const [program, ...own] = end === -1 ? args : args.slice(0, end);
  const isFirst = program === "train" || !process.argv.includes("train");
  if (program === "train") train(scenario.train, own);
  else if (program === "eval") evaluate(scenario.evaluate, own, isFirst);
  else if (program === "export") exportPly(scenario.export, own);
  else throw new Error(`The fake has no program ${program}`);
  if (end !== -1 && process.exitCode === undefined) runPrograms(scenario, args.slice(end + 1));
}

function option(args: readonly string[], name: string): string {
  return args[args.indexOf(name) + 1] ?? "";
}

function probe(scenario: Scenario["probe"]): void {
  if (scenario === "crashes") {
    console.error("Segmentation fault (core dumped)");
    process.exitCode = 139;
    return;
  }
  const report = {
    python: "3.10.14",
    nerfstudio: "1.1.5",
    gsplat: "1.4.0",
    torch: "2.1.2+cu118",
    torch_error: null,
    cuda: "11.8",
    gpu: "NVIDIA GeForce RTX 4090",
    gpu_error: null,
    gsplat_prebuilt: true,
    gsplat_error: null,
    open3d_error: null,
    nvcc: null,
    compiler: true,
    ninja: true,
  };
  console.log(`SPLATT_PROBE ${JSON.stringify(report)}`);
}

function train(scenario: Scenario["train"], args: readonly string[]): void {
  const run = join(
    option(args, "--output-dir"),
    option(args, "--experiment-name"),
    "splatfacto",
    option(args, "--timestamp"),
  );
  const iterations = Number(option(args, "--max-num-iterations"));
  const checkpoints = join(run, "nerfstudio_models");
  mkdirSync(checkpoints, { recursive: true });
  if (scenario !== "leaves no config") writeFileSync(join(run, "config.yml"), "!!python/object");
  console.log(
    "           Saving checkpoints to: nerfstudio_models                              trainer.py:142",
  );
  if (args.includes("--load-checkpoint")) {
    console.log(`Done loading Nerfstudio checkpoint from ${option(args, "--load-checkpoint")}`);
    if (scenario === "cannot resume") {
      console.error("IndexError: index 204 is out of bounds for dimension 0 with size 200");
      process.exitCode = 1;
      return;
    }
  }
  console.log(
    "[07:01:52] Caching / undistorting train images                                            full_images_datamanager.py:230",
  );
  console.log("Step (% Done)       Train Iter (time)    ETA (time)           Train Rays / Sec     ");
  console.log("-----------------------------------------------------------------------------------");
  console.log("10 (10.00%)         27.900 ms            13 m, 53 s           9.12 M               ");
  if (scenario === "waits") {
    setInterval(() => undefined, 1000);
    process.exitCode = 1;
    return;
  }
  if (scenario === "is killed") process.kill(process.pid, "SIGKILL");
  const isFirstTry = !existsSync("oom-retry.json");
  if (scenario === "runs out of GPU memory" || (scenario === "runs out of GPU memory once" && isFirstTry)) {
    console.log("Step 10: 3 GSs duplicated, 256 GSs split. Now having 3000 GSs.");
    console.error("Traceback (most recent call last):");
    console.error(
      "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.78 GiB.",
    );
    process.exitCode = 1;
    return;
  }
  if (scenario === "is interrupted") {
    // ns-train on SIGINT: the traceback goes to stdout and the exit code is 0.
    console.log("KeyboardInterrupt");
    return;
  }
  console.log("Step 20: 0 GSs duplicated, 256 GSs split. Now having 512 GSs.");
  console.log(`${iterations - 1} (99.93%)       `);
  const last = `step-${String(iterations - 1).padStart(9, "0")}.ckpt`;
  const content = scenario === "leaves half a checkpoint" ? Buffer.alloc(100, 7) : WHOLE_CHECKPOINT;
  rmSync(checkpoints, { recursive: true });
  mkdirSync(checkpoints);
  writeFileSync(join(checkpoints, last), content);
  if (scenario === "does not say that it finished") return;
  console.log("╭─────────────────────── 🎉 Training Finished 🎉 ───────────────────────╮");
}

function evaluate(scenario: Scenario["evaluate"], args: readonly string[], isFirst: boolean): void {
  console.log("Loading latest checkpoint from load_dir");
  if (scenario === "fails" || (scenario === "fails after training" && !isFirst)) {
    console.error("RuntimeError: CUDA error: an illegal memory access was encountered");
    process.exitCode = 1;
    return;
  }
  writeFileSync(
    option(args, "--output-path"),
    `{"results": {"psnr": ${FAKE_PSNR}, "psnr_std": NaN, "ssim": 0.875}}`,
  );
}

function exportPly(scenario: Scenario["export"], args: readonly string[]): void {
  if (scenario === "has only NaN") {
    console.error("ValueError: All tensors must be numpy arrays of float or uint8 type and not empty");
    process.exitCode = 1;
    return;
  }
  if (scenario === "writes nothing") return;
  const count = scenario === "writes no gaussian" ? 0 : FAKE_GAUSSIANS;
  writePly(join(option(args, "--output-dir"), option(args, "--output-filename")), count);
}

function writeCheckpoint(scenario: Scenario["checkpoint"], [, , file = ""]: readonly string[]): void {
  if (scenario === "is of another version") {
    console.error("KeyError: 'means'");
    process.exitCode = 1;
  } else {
    writePly(file, scenario === "has no gaussian" ? 0 : FAKE_GAUSSIANS);
  }
}

function writePly(file: string, count: number): void {
  const header = `ply\nformat binary_little_endian 1.0\ncomment Vertical Axis: z\nelement vertex ${count}\nproperty float x\nend_header\n`;
  writeFileSync(file, Buffer.concat([Buffer.from(header), Buffer.alloc(4 * count)]));
}

const [, script, folder, ...args] = process.argv;
if (script === import.meta.filename && folder !== undefined) main(folder, args);
