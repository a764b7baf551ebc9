import { z } from "zod";
import { Warnings } from "./answer-fields.ts";
import { JobStatus } from "./job-status.ts";

export const MAX_BULK_JOBS = 100;

/** POST /jobs/cancel and POST /jobs/delete. */
export const BulkJobs = z.object({
  job_ids: z
    .array(z.uuid().toLowerCase())
    .min(1)
    .max(MAX_BULK_JOBS)
    .describe("Up to 100 jobs. Each is treated as if it were alone, and answered once."),
});
export type BulkJobs = z.infer<typeof BulkJobs>;

/** What came of one job of a request for many. */
export const BulkOutcome = z.object({
  job_id: z.uuid().describe("A job that the request named."),
  done: z.boolean().describe("Whether the job was cancelled or deleted."),
  status: JobStatus.nullable().describe("The job's status now; null when there is no such job any more."),
  code: z
    .enum(["job_not_found", "job_ended", "job_not_ended"])
    .nullable()
    .describe("Why it was not done: the code that the same request for this job alone would get."),
});
export type BulkOutcome = z.infer<typeof BulkOutcome>;

export const BulkAnswer = z.object({
  jobs: z.array(BulkOutcome).describe("One entry for each job of the request."),
  warnings: Warnings,
});
export type BulkAnswer = z.infer<typeof BulkAnswer>;
