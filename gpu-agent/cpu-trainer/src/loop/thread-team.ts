import { clearTileCounts } from "../scene/tiles.ts";
import type { Iteration, Workspace } from "../scene/workspace.ts";
import { ALL_PASSES, type Pass, runTask, taskCount } from "./passes.ts";

/** Indices into the control block: 32-bit integers in memory that all threads share. */
const WORD = {
  /** Incremented with each pass. */
  epoch: 0,
  pass: 1,
  tasks: 2,
  /** The next unclaimed task. */
  next: 3,
  /** Workers that have not finished the pass. */
  busy: 4,
  visible: 5,
  count: 6,
  shDegree: 7,
  height: 8,
  columns: 9,
  rows: 10,
} as const;
const CONTROL_BLOCK_WORDS = 16;

export function createControlBlock(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * CONTROL_BLOCK_WORDS));
}

/**
 * How often a thread polls before it sleeps. Passes follow each other closely, and waking a thread takes tens of
 * microseconds.
 */
const SPIN_LIMIT = 3000;

/** The coordinator's view of a group of threads that run passes together. */
export class ThreadTeam {
  readonly #controlBlock: Int32Array;
  readonly #workspace: Workspace;
  readonly #workers: number;
  /** Milliseconds spent in each pass. */
  readonly milliseconds = new Map<Pass, number>();

  /** @param workers threads in `runWorker`; with 0 the coordinator does all the work */
  constructor(controlBlock: Int32Array, workspace: Workspace, workers: number) {
    this.#controlBlock = controlBlock;
    this.#workspace = workspace;
    this.#workers = workers;
  }

  /** Runs passes in order. */
  run(passes: readonly Pass[], iteration: Iteration): void {
    const block = this.#controlBlock;
    block[WORD.count] = iteration.count;
    block[WORD.shDegree] = iteration.shDegree;
    block[WORD.height] = iteration.height;
    block[WORD.columns] = iteration.grid.columns;
    block[WORD.rows] = iteration.grid.rows;
    for (const pass of passes) {
      const start = performance.now();
      if (pass === "project") clearTileCounts(this.#workspace.tiles);
      this.#runPass(pass, iteration);
      this.milliseconds.set(pass, (this.milliseconds.get(pass) ?? 0) + performance.now() - start);
    }
  }

  /** Gaussians that touched a tile in the last `sort`. */
  get visible(): number {
    return this.#controlBlock[WORD.visible] as number;
  }

  #runPass(pass: Pass, iteration: Iteration): void {
    const block = this.#controlBlock;
    block[WORD.pass] = ALL_PASSES.indexOf(pass);
    block[WORD.tasks] = taskCount(pass, iteration);
    Atomics.store(block, WORD.next, 0);
    Atomics.store(block, WORD.busy, this.#workers);
    Atomics.add(block, WORD.epoch, 1);
    Atomics.notify(block, WORD.epoch);
    runTasks(this.#workspace, block, pass, 0, iteration);
    for (let spins = 0; ; spins++) {
      const busy = Atomics.load(block, WORD.busy);
      if (busy === 0) return;
      if (spins > SPIN_LIMIT) Atomics.wait(block, WORD.busy, busy);
    }
  }
}

/** A worker's loop: takes part in every pass until its thread is terminated. */
export function runWorker(workspace: Workspace, controlBlock: Int32Array, thread: number): never {
  let epoch = 0;
  for (;;) {
    for (let spins = 0; Atomics.load(controlBlock, WORD.epoch) === epoch; spins++) {
      if (spins > SPIN_LIMIT) Atomics.wait(controlBlock, WORD.epoch, epoch);
    }
    epoch++;
    const iteration: Iteration = {
      count: controlBlock[WORD.count] as number,
      shDegree: controlBlock[WORD.shDegree] as number,
      height: controlBlock[WORD.height] as number,
      grid: { columns: controlBlock[WORD.columns] as number, rows: controlBlock[WORD.rows] as number },
    };
    const pass = ALL_PASSES[controlBlock[WORD.pass] as number] as Pass;
    runTasks(workspace, controlBlock, pass, thread, iteration);
    if (Atomics.sub(controlBlock, WORD.busy, 1) === 1) Atomics.notify(controlBlock, WORD.busy);
  }
}

/** Claims and runs tasks of a pass until none is left. */
function runTasks(
  workspace: Workspace,
  controlBlock: Int32Array,
  pass: Pass,
  thread: number,
  iteration: Iteration,
): void {
  const tasks = controlBlock[WORD.tasks] as number;
  const visible = controlBlock[WORD.visible] as number;
  for (;;) {
    const task = Atomics.add(controlBlock, WORD.next, 1);
    if (task >= tasks) return;
    const result = runTask(workspace, pass, task, thread, iteration, visible);
    if (pass === "sort" && task === 0) controlBlock[WORD.visible] = result;
  }
}
