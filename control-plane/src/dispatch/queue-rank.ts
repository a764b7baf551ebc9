/** One step of priority is worth this much waiting. */
export const AGING_MS_PER_PRIORITY = 10 * 60 * 1000;

/**
 * A job's place in the queue, lower first. Higher priority goes first, and age raises priority: because every
 * waiting job ages at the same pace, "priority plus waiting time" orders jobs as this constant does, so the
 * order is an index and no job starves.
 */
export function queueRank(createdAt: number, priority: number): number {
  return createdAt - priority * AGING_MS_PER_PRIORITY;
}
