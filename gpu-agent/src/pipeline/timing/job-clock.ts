import { STAGES, type StageName } from "@splatt/shared";
import { expectStage, type StageExpectation, secondsLeft } from "./expectation.ts";
import { type JobSize, workGroup, workUnits } from "./job-size.ts";
import type { StageRun } from "./stage-history.ts";
import { StageTracer } from "./stage-shape.ts";

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
  /** Milliseconds on a clock that only goes forward. */
  readonly now?: () => number;
}

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
  readonly #taken = new Map<StageName, number>();
  #size: JobSize;
  #running: RunningStage | null = null;
  #expected: ReadonlyMap<StageName, StageExpectation>;

  constructor(options: JobClockOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#size = options.size;
    this.#expected = this.#expectAll();
  }

  /** More has become known of the job. */
  know(change: Partial<JobSize>): void {
    this.#size = { ...this.#size, ...change };
    this.#expected = this.#expectAll();
  }

  begin(name: StageName, resumed: boolean): void {
    this.#running = { name, since: this.#now(), tracer: new StageTracer(), resumed, fraction: 0 };
    this.#expected = this.#expectAll();
  }

  see(name: StageName, fraction: number): void {
    const running = this.#running;
    if (running?.name !== name) return;
    running.fraction = Math.min(1, Math.max(running.fraction, fraction));
    running.tracer.see(running.fraction, this.#elapsed(running));
  }

  /** @returns what the stage's run taught, if it was one from beginning to end */
  end(name: StageName, seconds: number, reused: boolean): StageRun | null {
    const running = this.#running?.name === name ? this.#running : null;
    this.#taken.set(name, seconds);
    this.#running = null;
    if (reused || running === null || running.resumed) return null;
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
    const ended = [...this.#taken.values()].reduce((sum, seconds) => sum + seconds, 0);
    const passed = ended + (running === null ? 0 : this.#elapsed(running));
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

  /** Seconds until the running stage ends. */
  get stageSecondsLeft(): number {
    const [first] = this.#stagesLeft();
    return this.#running === null ? 0 : (first?.seconds ?? 0);
  }

  /** Seconds that a stage is expected to take as a whole. */
  expectedSeconds(name: StageName): number {
    const { preparing = 0, working = 0 } = this.#expected.get(name) ?? {};
    return preparing + working;
  }

  /** The running stage and those after it, each with the seconds that it still takes. */
  #stagesLeft(): { name: StageName; seconds: number }[] {
    const running = this.#running;
    const { stages = STAGES } = this.#options;
    return stages
      .filter((name) => !this.#taken.has(name))
      .map((name) => {
        const expected = this.#expected.get(name);
        if (running?.name !== name || expected === undefined)
          return { name, seconds: this.expectedSeconds(name) };
        const position = {
          elapsed: this.#elapsed(running),
          fraction: running.fraction,
          first: running.tracer.first,
        };
        return { name, seconds: secondsLeft(expected, position) };
      });
  }

  #elapsed({ since }: RunningStage): number {
    return (this.#now() - since) / 1000;
  }

  #expectAll(): ReadonlyMap<StageName, StageExpectation> {
    const { history, cores } = this.#options;
    const runs = history();
    return new Map(STAGES.map((stage) => [stage, expectStage(stage, this.#size, runs, cores)]));
  }
}
