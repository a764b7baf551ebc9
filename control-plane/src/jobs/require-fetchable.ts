import { type CreateJob, readSourcePolicy, refusedByPolicy } from "@splatt/shared";
import type { Env } from "../env.ts";
import { ApiError } from "../http/problem.ts";

/** Answers 422 for a video's address that no agent may fetch from, instead of queueing a job that must fail. */
export function requireFetchable(env: Env, body: CreateJob): void {
  const policy = readSourcePolicy(env);
  for (const field of ["filebin_url", "video_url"] as const) {
    const url = body[field];
    const refusal = url === undefined ? null : refusedByPolicy(new URL(url), policy);
    if (refusal === null) continue;
    throw new ApiError("invalid_request", [{ loc: ["body", field], msg: refusal, type: "value_error" }]);
  }
}
