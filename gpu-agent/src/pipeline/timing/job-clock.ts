import { STAGES, type StageName, type StageTiming } from "@splatt/shared";
import type { StageRecord } from "../stage-record.ts";
import {
  expectStage,
  type StageExpectation,
  type Surprise,
  scaled,
  secondsLeft,
  slowdown,
} from "./expectation.ts";
import { type JobSize, workGroup, workUnits } from "./job-size.ts";
import { runsOnCpu } from "./seeds.ts";
import { sizeAfter } from "./size-after.ts";
import type { StageRun } from "./stage-history.ts";
import { StageTracer, timeShare } from "./stage-shape.ts";

export interface JobClockOptions {
  readonly size: JobSize;
  /** The job's stages. */
  readonly stages?: readonly StageName[];
  /** The machine's stage history. */
  readonly history: () => readonly StageRun[];
  /** CPU cores that the stages may use. */
  readonly cores: number;
  /** Seconds until the job could start training if it were ready: other jobs may train first. */
  readonly trainWait: () => number;
  /** The longest side, in pixels, at which the engine trains; null trains frames as they are. */
  readonly longSideLimit?: number | null;
  /** Milliseconds on a monotonic clock. */
  readonly now?: () => number;
}

type Expectations = { readonly [stage in StageName]: StageExpectation };

interface RunningStage {
  readonly name: StageName;
  readonly since: number;
  readonly tracer: StageTracer;
  /** Whether the stage resumes an interrupted run, so that its time is not recorded. */
  readonly resumed: boolean;
  fraction: number;
  /** The stage's own estimate of the seconds that it still takes, and when it was made; null without one. */
  own: { readonly seconds: number; readonly at: number } | null;
  /** Whether the stage has ever made such an estimate. */
  unusual: boolean;
}

/**
 * Estimates a job's progress and ETA. Progress is the share of the job's total time that has passed, based on its
 * finished stages, the running stage's pace, and the machine's history.
 */
export class JobClock {
  readonly #options: JobClockOptions;
  readonly #now: () => number;
  /** The seconds that each finished stage took. */
  readonly #ended = new Map<StageName, number>();
  /** Observed and expected times of the stages that ran on the CPU without interruption. */
  readonly #surprises: Surprise[] = [];
  #size: JobSize;
  #running: RunningStage | null = null;
  #expected: Expectations;

  constructor(options: JobClockOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#size = options.size;
    this.#expected = this.#expectAll();
  }

  begin(name: StageName, resumed: boolean): void {
    this.#running = {
      name,
      since: this.#now(),
      tracer: new StageTracer(),
      resumed,
      fraction: 0,
      own: null,
      unusual: false,
    };
    this.#expected = this.#expectAll();
  }

  /** @param ownSecondsLeft the stage's own estimate, which replaces the one from its history */
  observe(name: StageName, fraction: number, ownSecondsLeft?: number): void {
    const running = this.#running;
    if (running?.name !== name) return;
    running.unusual ||= ownSecondsLeft !== undefined;
    running.own = ownSecondsLeft === undefined ? null : { seconds: ownSecondsLeft, at: this.#now() };
    running.fraction = Math.min(1, Math.max(running.fraction, fraction));
    running.tracer.observe(running.fraction, this.#elapsed(running));
  }

  /**
   * Ends a stage.
   *
   * @returns the run for the host's history; null when the stage was reused or resumed, which makes its time meaningless
   */
  finish(
    record: Pick<StageRecord, "output" | "files">,
    { stage: name, seconds, reused }: StageTiming,
  ): StageRun | null {
    this.#updateSize(sizeAfter(name, record, this.#options.longSideLimit ?? null));
    const running = this.#running?.name === name ? this.#running : null;
    this.#ended.set(name, seconds);
    this.#running = null;
    // A stage that took more than its usual steps tells nothing about its next run, nor about the machine.
    if (reused || running === null || running.resumed || running.unusual) return null;
    if (this.#isOnCpu(name)) this.#surprises.push({ taken: seconds, expected: total(this.#expected[name]) });
    const units = workUnits(name, this.#size);
    const trace = running.tracer.finish(seconds);
    return {
      stage: name,
      group: workGroup(name, this.#size),
      units: units !== null && units > 0 ? units : null,
      preparing: trace.preparing,
      working: trace.working,
      shape: [...trace.shape],
    };
  }

  /** The job's progress, 0–99: the share of its time that has passed. 100 is reserved for `completed`. */
  get percent(): number {
    const running = this.#running;
    const ended = [...this.#ended.values()].reduce((sum, seconds) => sum + seconds, 0);
    const passed = ended + (running === null ? 0 : this.#secondsDone(running));
    const left = this.#stagesLeft().reduce((sum, { seconds }) => sum + seconds, 0);
    return passed === 0 ? 0 : Math.min(99, Math.floor((100 * passed) / (passed + left)));
  }

  /** How much of the running stage is done, 0–100. */
  get stagePercent(): number {
    return Math.round(100 * (this.#running?.fraction ?? 0));
  }

  /** Seconds until the job ends. */
  get etaSeconds(): number {
    let soFar = 0;
    for (const { name, seconds } of this.#stagesLeft()) {
      const waits = name === "train" && this.#running?.name !== "train";
      soFar = (waits ? Math.max(soFar, this.#options.trainWait()) : soFar) + seconds;
    }
    return Math.round(soFar);
  }

  /** Seconds that a stage still takes: the rest of the running one, or all of a later one. */
  secondsLeft(name: StageName): number {
    return this.#stagesLeft().find((stage) => stage.name === name)?.seconds ?? 0;
  }

  #updateSize(change: Partial<JobSize>): void {
    this.#size = { ...this.#size, ...change };
    this.#expected = this.#expectAll();
  }

  /** The running and the later stages, each with the seconds that it still takes. */
  #stagesLeft(): { name: StageName; seconds: number }[] {
    const running = this.#running;
    const surprises = [...this.#surprises];
    const expected = (name: StageName) =>
      this.#isOnCpu(name) ? scaled(this.#expected[name], slowdown(surprises)) : this.#expected[name];
    const { stages = STAGES } = this.#options;
    return stages
      .filter((name) => !this.#ended.has(name))
      .map((name) => {
        if (running?.name !== name) return { name, seconds: total(expected(name)) };
        const elapsed = this.#elapsed(running);
        const { fraction, tracer, resumed } = running;
        const seconds =
          running.own === null
            ? secondsLeft(expected(name), { elapsed, fraction, first: tracer.first })
            : Math.max(0, running.own.seconds - (this.#now() - running.own.at) / 1000);
        if (this.#isOnCpu(name) && !resumed && !running.unusual) {
          surprises.push({ taken: elapsed + seconds, expected: total(this.#expected[name]) });
        }
        return { name, seconds };
      });
  }

  #isOnCpu(name: StageName): boolean {
    return runsOnCpu(name, this.#size.engine);
  }

  /** Including the work of an interrupted run. */
  #secondsDone(running: RunningStage): number {
    const { working, shape } = this.#expected[running.name];
    return this.#elapsed(running) + working * timeShare(shape, running.tracer.first?.fraction ?? 0);
  }

  #elapsed({ since }: RunningStage): number {
    return (this.#now() - since) / 1000;
  }

  #expectAll(): Expectations {
    const { history, cores } = this.#options;
    const runs = history();
    const of = (stage: StageName) => expectStage(stage, this.#size, runs, cores);
    return {
      download: of("download"),
      frames: of("frames"),
      poses: of("poses"),
      train: of("train"),
      export: of("export"),
      upload: of("upload"),
    };
  }
}

function total({ preparing, working }: StageExpectation): number {
  return preparing + working;
}
