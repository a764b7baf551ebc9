import { clearTileCounts } from "../scene/tiles.ts";
import type { Iteration, Workspace } from "../scene/workspace.ts";
import { PASSES, type Pass, runTask, taskCount } from "./passes.ts";

/** The words that the threads share, as 32-bit integers. */
const WORD = {
  /** Goes up by one with each pass. */
  epoch: 0,
  pass: 1,
  tasks: 2,
  /** The next task that nobody has taken. */
  next: 3,
  /** Helpers that have not finished the pass. */
  busy: 4,
  visible: 5,
  count: 6,
  shDegree: 7,
  height: 8,
  columns: 9,
  rows: 10,
} as const;
export const TEAM_WORDS = 16;

/**
 * How often a thread looks before it goes to sleep. Passes follow each other closely, and waking a thread
 * takes tens of microseconds.
 */
const LOOKS = 3000;

/** The leader's end of a group of threads that work through passes together. */
export class Team {
  readonly #words: Int32Array;
  readonly #workspace: Workspace;
  readonly #helpers: number;
  /** Milliseconds spent in each pass. */
  readonly milliseconds = new Map<Pass, number>();

  constructor(words: Int32Array, workspace: Workspace, helpers: number) {
    this.#words = words;
    this.#workspace = workspace;
    this.#helpers = helpers;
  }

  /** Runs passes in order. */
  run(passes: readonly Pass[], iteration: Iteration): void {
    const words = this.#words;
    words[WORD.count] = iteration.count;
    words[WORD.shDegree] = iteration.shDegree;
    words[WORD.height] = iteration.height;
    words[WORD.columns] = iteration.grid.columns;
    words[WORD.rows] = iteration.grid.rows;
    for (const pass of passes) {
      const start = performance.now();
      if (pass === "project") clearTileCounts(this.#workspace.tiles);
      this.#runPass(pass, iteration);
      this.milliseconds.set(pass, (this.milliseconds.get(pass) ?? 0) + performance.now() - start);
    }
  }

  /** Gaussians that touched a tile in the last `sort`. */
  get visible(): number {
    return this.#words[WORD.visible] as number;
  }

  #runPass(pass: Pass, iteration: Iteration): void {
    const words = this.#words;
    const tasks = taskCount(pass, iteration);
    words[WORD.pass] = PASSES.indexOf(pass);
    words[WORD.tasks] = tasks;
    Atomics.store(words, WORD.next, 0);
    Atomics.store(words, WORD.busy, this.#helpers);
    Atomics.add(words, WORD.epoch, 1);
    Atomics.notify(words, WORD.epoch);
    workOff(this.#workspace, words, pass, 0, iteration);
    for (let looks = 0; ; looks++) {
      const busy = Atomics.load(words, WORD.busy);
      if (busy === 0) return;
      if (looks > LOOKS) Atomics.wait(words, WORD.busy, busy);
    }
  }
}

/** A helper's life: takes part in every pass until its thread is ended. */
export function help(workspace: Workspace, words: Int32Array, thread: number): never {
  let epoch = 0;
  for (;;) {
    for (let looks = 0; Atomics.load(words, WORD.epoch) === epoch; looks++) {
      if (looks > LOOKS) Atomics.wait(words, WORD.epoch, epoch);
    }
    epoch++;
    const iteration: Iteration = {
      count: words[WORD.count] as number,
      shDegree: words[WORD.shDegree] as number,
      height: words[WORD.height] as number,
      grid: { columns: words[WORD.columns] as number, rows: words[WORD.rows] as number },
    };
    workOff(workspace, words, PASSES[words[WORD.pass] as number] as Pass, thread, iteration);
    if (Atomics.sub(words, WORD.busy, 1) === 1) Atomics.notify(words, WORD.busy);
  }
}

function workOff(
  workspace: Workspace,
  words: Int32Array,
  pass: Pass,
  thread: number,
  iteration: Iteration,
): void {
  const tasks = words[WORD.tasks] as number;
  const visible = words[WORD.visible] as number;
  for (;;) {
    const task = Atomics.add(words, WORD.next, 1);
    if (task >= tasks) return;
    const result = runTask(workspace, pass, task, thread, iteration, visible);
    if (pass === "sort" && task === 0) words[WORD.visible] = result;
  }
}
