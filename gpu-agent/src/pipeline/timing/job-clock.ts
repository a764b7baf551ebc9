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
  /** Those that the job goes through; all by default. */
  readonly stages?: readonly StageName[];
  /** The machine's past, as far as it is known at any moment. */
  readonly history: () => readonly StageRun[];
  /** Processor cores that the stages may use. */
  readonly cores: number;
  /** Seconds until the job could begin to train, were it ready: others may train before it. */
  readonly trainWait: () => number;
  /** The longest side, in pixels, at which the engine trains; null trains frames as they are. */
  readonly longSideLimit?: number | null;
  /** Milliseconds on a clock that only goes forward. */
  readonly now?: () => number;
}

type Expectations = { readonly [stage in StageName]: StageExpectation };

interface RunningStage {
  readonly name: StageName;
  readonly since: number;
  readonly tracer: StageTracer;
  /** It goes on where an interrupted run stopped, so its time teaches nothing. */
  readonly resumed: boolean;
  fraction: number;
}

/**
 * How far a job is and how long it will take, in terms of time: the bar is the share of the whole time that has
 * passed, by what is known of finished stages, the running one's pace, and the machine's past.
 */
export class JobClock {
  readonly #options: JobClockOptions;
  readonly #now: () => number;
  /** Stages that have ended, and the seconds that they took. */
  readonly #ended = new Map<StageName, number>();
  /** Of those that ran on the processor from beginning to end. */
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
    this.#running = { name, since: this.#now(), tracer: new StageTracer(), resumed, fraction: 0 };
    this.#expected = this.#expectAll();
  }

  observe(name: StageName, fraction: number): void {
    const running = this.#running;
    if (running?.name !== name) return;
    running.fraction = Math.min(1, Math.max(running.fraction, fraction));
    running.tracer.observe(running.fraction, this.#elapsed(running));
  }

  /**
   * A stage has ended.
   *
   * @returns the run for the host's history; null when it was reused or resumed, and so measures nothing
   */
  finish(
    record: Pick<StageRecord, "output" | "files">,
    { stage: name, seconds, reused }: StageTiming,
  ): StageRun | null {
    this.#updateSize(sizeAfter(name, record, this.#options.longSideLimit ?? null));
    const running = this.#running?.name === name ? this.#running : null;
    this.#ended.set(name, seconds);
    this.#running = null;
    if (reused || running === null || running.resumed) return null;
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

  /** The whole job's progress, 0–99: the share of its time that is behind it. 100 is reserved for `completed`. */
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

  /** Seconds that a stage takes from now on: what is left of the running one, all of one that comes later. */
  secondsLeft(name: StageName): number {
    return this.#stagesLeft().find((stage) => stage.name === name)?.seconds ?? 0;
  }

  #updateSize(change: Partial<JobSize>): void {
    this.#size = { ...this.#size, ...change };
    this.#expected = this.#expectAll();
  }

  /** The running stage and those after it, each with the seconds that it still takes. */
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
        const seconds = secondsLeft(expected(name), { elapsed, fraction, first: tracer.first });
        if (this.#isOnCpu(name) && !resumed) {
          surprises.push({ taken: elapsed + seconds, expected: total(this.#expected[name]) });
        }
        return { name, seconds };
      });
  }

  #isOnCpu(name: StageName): boolean {
    return runsOnCpu(name, this.#size.engine);
  }

  /** With what an interrupted run had done before. */
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
