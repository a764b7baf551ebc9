import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { err, type Failure, failure, type StageName } from "@splatt/shared";
import { writeFileAtomic } from "../files/write-file-atomic.ts";
import { systemFailure } from "../processes/system-failure.ts";
import type { StageJob } from "./pipeline-job.ts";
import type { ResourceTokens } from "./resource-tokens.ts";
import type { Stage, StageContext, StageResult } from "./stage.ts";
import { STAGE_LIMITS, type StageLimits } from "./stage-limits.ts";
import type { StageRecord } from "./stage-record.ts";

/** Increased when a stage's implementation changes, so that older agents' finished stages are not reused. */
const PIPELINE_VERSION = 1;
const DISK_BLOCK_BYTES = 4096;

export interface StageRunnerOptions {
  readonly job: StageJob;
  readonly signal: AbortSignal;
  readonly tokens: ResourceTokens;
  readonly limits?: StageLimits;
}

/**
 * Runs stages in sequence in a job's folder. A stage writes to a temporary folder, which is renamed and then recorded
 * when the stage is done: a stage is finished or absent. A finished stage with the same key is reused; the key includes
 * those of all previous stages, and the runs that made them: COLMAP does not solve the same cameras twice, so what was
 * trained before its second run does not fit them, not even in part.
 */
export class StageRunner {
  readonly #options: StageRunnerOptions;
  #chain = String(PIPELINE_VERSION);
  /** The stages finished so far. */
  readonly #done: StageName[] = [];

  constructor(options: StageRunnerOptions) {
    this.#options = options;
  }

  /** The finished stage's folder. */
  dir(name: StageName): string {
    return join(this.#options.job.dir, name);
  }

  async run<I, O>(stage: Stage<I, O>, input: I): Promise<StageResult<O>> {
    const { job, signal, tokens } = this.#options;
    const key = hash([this.#chain, stage.name, stage.key(input)]);
    const record = job.finishedStage(stage.name);
    if (record?.key === key && (await filesIntact(this.dir(stage.name), record))) {
      this.#chain = chainAfter(record);
      this.#done.push(stage.name);
      job.log.info(`${stage.name}: reused`);
      await job.finishStage(stage.name, record, { stage: stage.name, seconds: record.seconds, reused: true });
      return { ok: true, value: record.output as O };
    }

    const part = join(job.dir, `${stage.name}.${key.slice(0, 12)}.part`);
    await this.#dropOtherParts(stage.name, part);
    const resumed = (await mkdir(part, { recursive: true })) === undefined;
    await rm(this.dir(stage.name), { recursive: true, force: true });
    const turn = {
      signal,
      since: job.acceptedAt,
      secondsLeft: () => job.secondsLeft(stage.name),
      onWait: () => job.waitFor(stage.token),
    };
    const outcome = await tokens.use(stage.token, turn, ({ gpu }) =>
      this.#runTimed(stage, input, { dir: part, gpu, resumed }),
    );
    if (outcome === null) return err(failure("agent_stopped", ""));
    if (!outcome.ok) return err((await this.#diskFault(outcome.error)) ?? outcome.error);

    const { value, seconds } = outcome.value;
    await rename(part, this.dir(stage.name));
    const files = await listFiles(this.dir(stage.name));
    const done = { key, run: randomUUID(), output: value, seconds, files };
    this.#chain = chainAfter(done);
    await job.finishStage(stage.name, done, { stage: stage.name, seconds, reused: false });
    this.#done.push(stage.name);
    return { ok: true, value };
  }

  /**
   * Whether the disk is the cause of a stage's failure: it may look like a damaged video, or like a fault of a tool.
   * Tries to write, and reads what the earlier stages left.
   */
  async #diskFault({ code }: Failure): Promise<Failure | null> {
    const { job } = this.#options;
    if (code === "agent_stopped") return null;
    try {
      await tryToWrite(job.dir);
      for (const name of this.#done) {
        const record = job.finishedStage(name);
        if (record === undefined || !(await filesIntact(this.dir(name), record))) {
          return failure("workspace_damaged", `Files of the stage "${name}" are missing or changed.`);
        }
        for (const { path } of record.files) await readToEnd(join(this.dir(name), path));
      }
      return null;
    } catch (error) {
      return systemFailure(error);
    }
  }

  async #runTimed<I, O>(
    stage: Stage<I, O>,
    input: I,
    { dir, gpu, resumed }: { dir: string; gpu: string | null; resumed: boolean },
  ): Promise<StageResult<{ value: O; seconds: number }>> {
    const { job, signal } = this.#options;
    await job.beginStage(stage.name, resumed);
    const began = performance.now();
    const watchdog = new Watchdog((this.#options.limits ?? STAGE_LIMITS)[stage.name]);
    const context: StageContext = {
      dir,
      gpu,
      log: job.log,
      signal: AbortSignal.any([signal, watchdog.signal]),
      report: (progress) => {
        watchdog.noteActivity();
        job.noteActivity();
        job.reportProgress(stage.name, progress);
      },
      toolOutput: (line) => {
        watchdog.noteActivity();
        job.noteActivity();
        job.jobLog.write(stage.name, line);
      },
    };
    try {
      const result = await stage.run(input, context);
      if (watchdog.failure !== null) return err(watchdog.failure);
      if (!result.ok) return result;
      const seconds = (performance.now() - began) / 1000;
      job.log.info(`${stage.name}: done in ${seconds.toFixed(1)} s`);
      return { ok: true, value: { value: result.value, seconds } };
    } finally {
      watchdog.stop();
    }
  }

  /** Removes what an interrupted run with another key left. */
  async #dropOtherParts(name: StageName, keep: string): Promise<void> {
    for (const entry of await readdir(this.#options.job.dir)) {
      const path = join(this.#options.job.dir, entry);
      const isPart = entry.startsWith(`${name}.`) && entry.endsWith(".part");
      if (isPart && path !== keep) await rm(path, { recursive: true, force: true });
    }
  }
}

/** Ends a stage that is silent for too long, or exceeds its time limit. */
class Watchdog {
  readonly #abort = new AbortController();
  readonly #silence: NodeJS.Timeout;
  readonly #duration: NodeJS.Timeout;
  failure: Failure | null = null;

  constructor(limits: { readonly maxSilenceMs: number; readonly maxDurationMs: number }) {
    const minutes = (ms: number) => `${Math.round(ms / 60_000)} min`;
    this.#silence = setTimeout(() => {
      this.#end(failure("stage_stalled", `No output or progress for ${minutes(limits.maxSilenceMs)}.`));
    }, limits.maxSilenceMs);
    this.#duration = setTimeout(() => {
      this.#end(failure("stage_timeout", `The limit is ${minutes(limits.maxDurationMs)}.`));
    }, limits.maxDurationMs);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  noteActivity(): void {
    this.#silence.refresh();
  }

  stop(): void {
    clearTimeout(this.#silence);
    clearTimeout(this.#duration);
  }

  #end(why: Failure): void {
    this.failure ??= why;
    this.#abort.abort();
  }
}

function chainAfter({ key, run }: Pick<StageRecord, "key" | "run">): string {
  return run === undefined ? key : hash([key, run]);
}

function hash(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

async function listFiles(dir: string): Promise<StageRecord["files"]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    files
      .toSorted()
      .map(async (path) => ({ path: path.slice(dir.length + 1), size: (await stat(path)).size })),
  );
}

async function tryToWrite(dir: string): Promise<void> {
  const path = join(dir, "write-check");
  await writeFileAtomic(path, "x".repeat(DISK_BLOCK_BYTES));
  await rm(path);
}

async function readToEnd(path: string): Promise<void> {
  const stream = createReadStream(path);
  for await (const _ of stream);
}

async function filesIntact(dir: string, record: StageRecord): Promise<boolean> {
  const intact = await Promise.all(
    record.files.map(async ({ path, size }) => {
      const found = await stat(join(dir, path)).catch(() => null);
      return found?.size === size;
    }),
  );
  return intact.every(Boolean);
}
