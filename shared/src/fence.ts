import { z } from "zod";

/**
 * The fence: which try of which job a message, an upload part or a download belongs to.
 *
 * `lease_id` is random per lease, so whatever arrives late from an agent that lost the job is told apart
 * even when the attempt's number is the same.
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
