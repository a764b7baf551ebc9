import { tmpdir } from "node:os";
import type { EngineProbe } from "@splatt/shared";
import { runTool } from "../../processes/run-tool.ts";
import type { Engine } from "../engine.ts";
import { freeGpuMemory } from "../gpus.ts";
import { exportSplats } from "./export.ts";
import { findInstallation, type Installation, toolEnvironment } from "./installation.ts";
import { judgeProbeReport, parseProbeReport } from "./probe-report.ts";
import { PROBE_SCRIPT } from "./python-scripts.ts";
import { type TrainingMachine, train } from "./train.ts";

/** Importing PyTorch for the first time after a boot takes up to a minute from a slow disk. */
const PROBE_TIMEOUT_MS = 180_000;

export interface NerfstudioOptions {
  /** The setting NERF_PYTHON_PATH: the Python of the environment that nerfstudio is installed in. */
  readonly pythonPath: string | null;
  /** The UUID of the GPU to train on; without one the choice is CUDA's. */
  readonly gpuUuid?: string | null;
  /** Bytes free on that GPU, null when unknown; by default nvidia-smi is asked. */
  readonly freeGpuMemory?: TrainingMachine["freeGpuMemory"];
}

/** nerfstudio's splatfacto, from version 1.1.5 on. */
export function createNerfstudioEngine(options: NerfstudioOptions): Engine {
  const machine: TrainingMachine = {
    installation: findInstallation(options.pythonPath),
    gpuUuid: options.gpuUuid ?? null,
    freeGpuMemory: options.freeGpuMemory ?? freeGpuMemory,
  };
  return {
    name: "nerfstudio",
    probe: () => probe(machine.installation, machine.gpuUuid),
    train: (dataset, trainOptions, context) => train(machine, dataset, trainOptions, context),
    exportSplats: (trainDir, model, file, context) =>
      exportSplats(machine.installation, trainDir, model, file, context),
  };
}

async function probe(installation: Installation | null, gpuUuid: string | null): Promise<EngineProbe> {
  const unusable = (reason: string): EngineProbe => ({
    name: "nerfstudio",
    usable: false,
    version: null,
    reason,
  });
  if (installation === null) return unusable("NERF_PYTHON_PATH is not set, and ns-train is not on the PATH.");
  const lines: string[] = [];
  const exit = await runTool({
    file: installation.python,
    args: [PROBE_SCRIPT],
    cwd: tmpdir(),
    env: toolEnvironment(installation.python, gpuUuid),
    signal: new AbortController().signal,
    timeoutMs: PROBE_TIMEOUT_MS,
    silenceMs: PROBE_TIMEOUT_MS,
    onLine: (line) => lines.push(line),
  });
  const where = installation.source === "NERF_PYTHON_PATH" ? "NERF_PYTHON_PATH" : "the Python of ns-train";
  if (!exit.ok) {
    return unusable(
      exit.error.code === "tool_missing"
        ? `There is no program at ${where}.`
        : `The Python at ${where} did not answer within ${PROBE_TIMEOUT_MS / 1000} s.`,
    );
  }
  const report = parseProbeReport(lines);
  if (report !== null) return judgeProbeReport(report);
  if (exit.value.exitCode === null && exit.value.signal === null) {
    return unusable(`What ${where} names is not a program that can be run.`);
  }
  return unusable(`What ${where} names did not answer like a Python with nerfstudio.`);
}
