import { CreateJob } from "@splatt/shared";
import { z } from "zod";
import { validate } from "../http/validate.ts";
import type { JobRow } from "./view.ts";

/**
 * What a retry asks for: everything as the ended job had it, but for the fields that `changes` names. The video is
 * the same, so it is not sent again.
 */
export function retryBody(job: JobRow, changes: unknown): CreateJob {
  const source = job.uploadId === null ? { video_url: job.sourceUrl } : { upload_id: job.uploadId };
  const given = validate(z.record(z.string(), z.unknown()), changes, "body");
  const { filebin_url, video_url, upload_id, filename, ...options } = given;
  const before = { ...job.options, task_id: job.taskId, priority: job.priority, pool: job.pool };
  return validate(CreateJob, { ...before, ...options, ...source, filename: job.filename }, "body");
}
