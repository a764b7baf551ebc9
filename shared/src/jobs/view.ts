import { z } from "zod";
import { FAILURE_CODES } from "../failures.ts";
import { JobStatus } from "../job-status.ts";
import { dateTime } from "../timestamps.ts";
import { JobOptions } from "./options.ts";
import { JobReport } from "./report.ts";
import { ResultEntry } from "./result-files.ts";

/** GET /jobs/{id}/status: the seed's object. `created_at` and `updated_at` are naive UTC to the second. */
export const JobStatusView = z.object({
  job_id: z.uuid().describe("The job's id."),
  task_id: z.string().describe("Your identifier, as the job was created with."),
  status: JobStatus.describe("Where the job is."),
  progress: z.int().min(0).max(100).describe("Percent. Never falls within an attempt."),
  message: z.string().describe("What happens now, for people."),
  error: z.string().nullable().describe("What happened, when the job failed."),
  error_code: z
    .enum(FAILURE_CODES)
    .nullable()
    .describe("The failure's code, when the job failed; docs/failures.md lists them. Null otherwise."),
  error_hint: z
    .string()
    .nullable()
    .describe("What to do about the failure; null when the job has not failed."),
  created_at: z.string().describe("UTC to the second, without an offset."),
  updated_at: z.string().describe("UTC to the second, without an offset."),
  results: z
    .record(z.string(), ResultEntry)
    .nullable()
    .describe("The result files by name, when the job is completed."),
  version: z
    .int()
    .positive()
    .describe("Counts the job's visible changes: `wait` and `after` on its status wait for the next."),
  labels: z.record(z.string(), z.string()).describe("As the job was created with."),
});
export type JobStatusView = z.infer<typeof JobStatusView>;

/** GET /jobs/{id}: everything known about a job. Timestamps have an offset. */
export const JobView = JobStatusView.extend({
  created_at: dateTime().describe("When the job was created."),
  updated_at: dateTime().describe("When the job last changed."),
  filename: z.string().describe("The name of the video."),
  source: z
    .object({
      kind: z.enum(["url", "upload", "uploads"]).describe("Which of the fields below is set."),
      url: z.string().nullable().describe("Where the video is downloaded from; null for uploads."),
      upload_id: z.string().nullable().describe("The upload; null where there is none, or several."),
      upload_ids: z
        .array(z.string())
        .nullable()
        .default(null)
        .describe("Several uploads of one scene; null otherwise."),
    })
    .describe("Where the video comes from."),
  options: JobOptions.describe("The options of the training, with defaults filled in."),
  pool: z.string().describe("The group of agents that may run the job."),
  priority: z.int().describe("Higher goes first; one step equals ten minutes of waiting."),
  retry_of: z.uuid().nullable().describe("The ended job that this one retries."),
  attempt: z.int().nonnegative().describe("The number of the current or last attempt; 0 before the first."),
  failures: z.int().nonnegative().describe("Attempts that ended with a failure."),
  lost_leases: z.int().nonnegative().describe("Attempts that ended because their agent disappeared."),
  agent_id: z
    .string()
    .nullable()
    .describe("The agent that holds the job, or held it at its end; null while no agent does."),
  next_attempt_at: dateTime()
    .nullable()
    .describe("Before this time a queued job is not assigned again; null when it waits for nothing."),
  eta_seconds: z
    .int()
    .nullable()
    .describe("Estimated seconds to the end of the attempt; null while unknown."),
  started_at: dateTime().nullable().describe("When the first attempt began; null before."),
  ended_at: dateTime().nullable().describe("When the job was completed, failed or cancelled; null before."),
  report: JobReport.nullable().describe(
    "What the agent reported at the end of the last attempt; null before.",
  ),
  log_tail: z
    .array(z.string())
    .nullable()
    .describe("The last lines that the tools printed before the last failure."),
  pinned: z.boolean().describe("Retention removes nothing of a pinned job."),
  input_expires_at: dateTime().nullable().describe("When retention removes the uploaded video."),
  input_purged_at: dateTime().nullable().describe("When retention removed the uploaded video."),
  results_expire_at: dateTime().nullable().describe("When retention removes the results."),
  results_purged_at: dateTime().nullable().describe("When retention removed the results."),
});
export type JobView = z.infer<typeof JobView>;

/** One entry of a job's history. `at` has an offset. */
export const JobEvent = z.object({
  number: z.int().positive().describe("Counts the entries of the job's history, from 1."),
  at: dateTime().describe("When the change happened."),
  status: JobStatus.describe("The job's status after the change."),
  attempt: z.int().nonnegative().describe("The attempt at that time; 0 before the first."),
  agent_id: z.string().nullable().describe("The agent that held the job; null when none did."),
  message: z.string().describe("What happened, for people."),
  error_code: z
    .enum(FAILURE_CODES)
    .nullable()
    .describe("The code of the failure that ended the attempt; null for other changes."),
});
export type JobEvent = z.infer<typeof JobEvent>;

export const JobEventList = z.object({
  events: z.array(JobEvent).describe("The job's history, oldest first."),
});
