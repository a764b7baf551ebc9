import { CreateJob } from "@splatt/shared";
import { validate } from "../http/validate.ts";
import type { JobRow } from "./view.ts";

/**
 * What a retry asks for: everything as the ended job had it, but for the fields that `changes` names. The video is
 * the same, so it is not sent again.
 */
export function retryBody(job: JobRow, changes: unknown): CreateJob {
  const source = job.uploadId === null ? { video_url: job.sourceUrl } : { upload_id: job.uploadId };
  const given = typeof changes === "object" && changes !== null && !Array.isArray(changes) ? changes : {};
  const { filebin_url, video_url, upload_id, filename, ...options } = given as Record<string, unknown>;
  const before = { ...job.options, task_id: job.taskId, priority: job.priority, pool: job.pool };
  return validate(CreateJob, { ...before, ...options, ...source, filename: job.filename }, "body");
}
