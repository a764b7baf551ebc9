import { z } from "zod";

/**
 * The fence: the attempt and lease that a message, an upload part or a download belongs to.
 *
 * `lease_id` is random, so that late messages from an agent that lost the job are recognised even when the attempt
 * number has not changed.
 */
export const Fence = z.object({
  job_id: z.uuid(),
  attempt: z.int().min(1),
  lease_id: z.string().min(1).max(64),
});
export type Fence = z.infer<typeof Fence>;

export function sameFence(a: Fence, b: Fence): boolean {
  return a.job_id === b.job_id && a.attempt === b.attempt && a.lease_id === b.lease_id;
}

/** The headers that carry the fence on HTTP requests of the agent; the job id is in the path. */
export const FENCE_HEADERS = { attempt: "x-splatt-attempt", leaseId: "x-splatt-lease" } as const;

export function fenceHeaders(fence: Fence): Record<string, string> {
  return { [FENCE_HEADERS.attempt]: String(fence.attempt), [FENCE_HEADERS.leaseId]: fence.lease_id };
}
