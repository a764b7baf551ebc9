import { statfs } from "node:fs/promises";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { networkFileSystem } from "../../files/file-system.ts";
import { runTool } from "../../processes/run-tool.ts";
import type { StageContext } from "../stage.ts";
import type { Hardware } from "./colmap-commands.ts";
import { type ColmapEvent, type ColmapProblem, parseColmapLine, plainLine } from "./colmap-output.ts";
import { COLMAP_ENVIRONMENT, type InstalledColmap } from "./colmap-program.ts";
import type { ColmapDialect } from "./colmap-version.ts";
import type { Size } from "./settings.ts";

/** The installed COLMAP and the images that it works on. */
export interface ColmapJob {
  readonly colmap: InstalledColmap;
  readonly dialect: ColmapDialect;
  readonly images: string;
  /** File names in `images`, in the order of time. */
  readonly names: readonly string[];
  readonly cameras: readonly ImageCamera[];
  /** The images' sizes, by file name. */
  readonly sizes: ReadonlyMap<string, Size>;
  /** Where images were taken, by file name, as far as that is known. */
  readonly places: ReadonlyMap<string, Place>;
  /** The video that images are from, by file name, where there are several. */
  readonly videoOf: ReadonlyMap<string, number>;
  /** Null uses all cores. */
  readonly threads: number | null;
  readonly gpu: GpuUse;
  /** The limits on one command's run time and on its time without output. */
  readonly timeoutMs: number;
  readonly silenceMs: number;
  /** On the clock of `performance.now()`: later no further pairs of a list are matched. Null matches all. */
  readonly matchingEndsAt: number | null;
  readonly context: StageContext;
}

/** The images of one camera, whose intrinsics are solved together. */
export interface ImageCamera extends Size {
  readonly names: readonly string[];
  /** Whether they are known to be of one camera; photos without metadata only have the same size. */
  readonly known: boolean;
  /** The focal length to begin with, in pixels; null leaves it to COLMAP. */
  readonly focal: number | null;
}

/** Metres in any frame of reference. */
export type Place = readonly [x: number, y: number, z: number];

/** Whether COLMAP uses the GPU: the first step that fails on it turns it off for the rest of the job. */
export interface GpuUse {
  enabled: boolean;
}

/** A command of COLMAP, as a step of a pass. */
export interface ColmapStep {
  /** As in "COLMAP's NAME failed". */
  readonly name: string;
  /** One command line after the other. */
  readonly commands: (hardware: Hardware) => readonly (readonly string[])[];
  readonly onEvent: (event: ColmapEvent) => void;
}

export interface ColmapExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly tail: readonly string[];
  /** The most specific problem that COLMAP printed. */
  readonly problem: ColmapProblem | null;
  /** The line that named the problem. */
  readonly problemLine: string | null;
}

/**
 * Runs a step on the GPU if it is enabled, and again on the CPU when it fails there: a driver, display or
 * architecture that COLMAP cannot handle must not be blamed on the video.
 *
 * @param check reads the step's output; `null` means that it found nothing, which may be the GPU's fault
 * @param reset removes the step's output before a repetition
 * @returns what `check` returns, or `colmap_failed`, `workspace_unusable`, `tool_unsupported`, or what `runTool` returns
 */
export async function runCheckedStep<T>(
  job: ColmapJob,
  step: ColmapStep,
  check: () => Result<T | null, Failure>,
  reset: () => Promise<Result<void, Failure>>,
): Promise<Result<T | null, Failure>> {
  const first = await runAndCheck(job, step, check);
  const blamesGpu =
    job.gpu.enabled && (first.ok ? first.value === null : first.error.code === "colmap_failed");
  if (!blamesGpu) return first;
  const reason = first.ok ? "it found nothing" : first.error.detail;
  job.context.log.warn({ reason }, `COLMAP's ${step.name} failed on the GPU; repeating it on the CPU`);
  job.gpu.enabled = false;
  const clean = await reset();
  return clean.ok ? runAndCheck(job, step, check) : clean;
}

async function runAndCheck<T>(
  job: ColmapJob,
  step: ColmapStep,
  check: () => Result<T | null, Failure>,
): Promise<Result<T | null, Failure>> {
  const ran = await runStep(job, step);
  if (!ran.ok) return ran;
  // COLMAP exits with 0 although it could not use the GPU and did nothing.
  const failed = ran.value.exitCode !== 0 || (job.gpu.enabled && ran.value.problem === "gpu");
  return failed ? err(await stepFailure(job, step.name, ran.value)) : check();
}

/** Runs a step's commands, until one fails. The caller interprets the exit code of the last that ran. */
export async function runStep(job: ColmapJob, step: ColmapStep): Promise<Result<ColmapExit, Failure>> {
  let last: Result<ColmapExit, Failure> = ok(NOTHING_RAN);
  for (const args of step.commands({ gpu: job.gpu.enabled, threads: job.threads })) {
    last = await runCommand(job, args, step.onEvent);
    if (!last.ok || last.value.exitCode !== 0 || last.value.problem === "gpu") break;
  }
  return last;
}

const NOTHING_RAN: ColmapExit = { exitCode: 0, signal: null, tail: [], problem: null, problemLine: null };

async function runCommand(
  job: ColmapJob,
  args: readonly string[],
  onEvent: ColmapStep["onEvent"],
): Promise<Result<ColmapExit, Failure>> {
  let problem: ColmapProblem | null = null;
  let problemLine: string | null = null;
  const gpu = job.gpu.enabled;
  const { program, reads } = job.colmap;
  const ran = await runTool({
    file: program.file,
    args: [...program.args, ...args],
    cwd: job.context.dir,
    env: COLMAP_ENVIRONMENT,
    signal: job.context.signal,
    timeoutMs: job.timeoutMs,
    silenceMs: job.silenceMs,
    confine: { reads, gpu },
    onLine: (line) => {
      job.context.toolOutput(line);
      const event = parseColmapLine(line);
      if (event?.kind === "problem") {
        if (problem === null || (problem === "other" && event.problem !== "other")) {
          problem = event.problem;
          problemLine = plainLine(line).trim();
        }
      } else if (event) onEvent(event);
    },
  });
  return ran.ok ? ok({ ...ran.value, problem, problemLine }) : ran;
}

/** Why a step failed, with COLMAP's last lines. */
export async function stepFailure(job: ColmapJob, name: string, exit: ColmapExit): Promise<Failure> {
  if (exit.problem === "options") return failure("tool_unsupported", `COLMAP: ${exit.problemLine ?? ""}`);
  if (exit.problem === "database") {
    const kind = await statfs(job.context.dir)
      .then(({ type }) => networkFileSystem(type))
      .catch(() => null);
    const where = kind === null ? "" : ` It is on a network file system (${kind}).`;
    return failure(
      "workspace_unusable",
      `COLMAP's database does not work there: ${exit.problemLine ?? ""}.${where}`,
    );
  }
  const how = exit.signal === null ? `exit code ${exit.exitCode}` : `signal ${exit.signal}`;
  // A crash's stack trace is of no use to the user.
  const last = exit.tail
    .map(plainLine)
    .filter((line) => !/^\s*@\s+0x/.test(line))
    .slice(-5);
  const isInTail = last.some((line) => line.trim() === exit.problemLine);
  const words = [...(exit.problemLine === null || isInTail ? [] : [exit.problemLine]), ...last].join(" | ");
  return failure("colmap_failed", `COLMAP's ${name} ended with ${how}: ${words}`);
}
