/**
 * The time of one pass on several threads, each of which claims the next task when it is done with one: list scheduling
 * (Graham 1966).
 *
 * @param tasks milliseconds, in the order in which they are claimed
 */
export function passTime(tasks: readonly number[], threads: number): number {
  const busyUntil = Array<number>(threads).fill(0);
  for (const task of tasks) {
    const next = busyUntil.indexOf(Math.min(...busyUntil));
    busyUntil[next] = (busyUntil[next] ?? 0) + task;
  }
  return Math.max(...busyUntil);
}

/**
 * How many times as fast an iteration would be as on one thread.
 *
 * @param passes the tasks of each
 * @param barrierMs that every pass needs for its threads to meet, on more than one thread
 */
export function speedUp(passes: readonly (readonly number[])[], threads: number, barrierMs: number): number {
  const time = (count: number) =>
    passes.reduce((sum, tasks) => sum + passTime(tasks, count) + (count > 1 ? barrierMs : 0), 0);
  return time(1) / time(threads);
}
