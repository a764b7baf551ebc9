import { CreateJob } from "@splatt/shared";
import { z } from "zod";
import type { JobRow } from "../db/schema.ts";
import { validate } from "../http/validate.ts";

/** The job that a retry creates: the ended job's fields, replaced by those that `changes` names, and the same video. */
export function retryBody(job: JobRow, changes: unknown): CreateJob {
  const { sourceUrl, uploadId, uploadIds } = job;
  const source =
    uploadIds !== null
      ? { upload_ids: uploadIds }
      : uploadId === null
        ? { video_url: sourceUrl }
        : { upload_id: uploadId };
  const given = validate(z.record(z.string(), z.unknown()), changes, "body");
  const { filebin_url, video_url, upload_id, upload_ids, filename, ...options } = given;
  const { taskId, labels, priority, pool } = job;
  const callback =
    job.callback === null ? {} : { callback_url: job.callback.url, callback_events: job.callback.events };
  const before = { ...job.options, ...callback, task_id: taskId, labels: labels ?? {}, priority, pool };
  return validate(CreateJob, { ...before, ...options, ...source, filename: job.filename }, "body");
}
