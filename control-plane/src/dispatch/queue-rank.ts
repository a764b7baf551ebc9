/** One step of priority counts as much as this much waiting. */
export const AGING_MS_PER_PRIORITY = 10 * 60 * 1000;

/**
 * A job's place in the queue, lower first. A higher priority goes first, and waiting raises priority, so no job
 * starves. All waiting jobs age at the same pace, so this constant orders them as "priority plus waiting time" would,
 * and an index can hold the order.
 */
export function queueRank(createdAt: number, priority: number): number {
  return createdAt - priority * AGING_MS_PER_PRIORITY;
}
