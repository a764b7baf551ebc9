import { z } from "zod";
import { Warnings } from "../answer-fields.ts";
import { FileName } from "../file-name.ts";
import { JobStatus } from "../job-status.ts";
import { Labels } from "../labels.ts";
import { laxNumber } from "../lax-number.ts";
import { DEFAULT_POOL, PoolName } from "../pools.ts";
import { sharePageAdvice } from "../sources/share-page.ts";
import { parseSourceUrl } from "../sources/source-url.ts";
import { CallbackFields } from "../webhooks.ts";
import { isWellFormed, WELL_FORMED } from "../well-formed.ts";
import { JobOptions } from "./options.ts";

/** The most uploads that one job takes; an archive holds more. */
export const MAX_JOB_UPLOADS = 256;

/** A video's address, as the URL standard writes it. Pages that only show a video are refused. */
const VideoUrl = z.string().transform((text, context) => {
  const url = parseSourceUrl(text);
  const problem = url.ok ? sharePageAdvice(url.value) : url.error;
  if (url.ok && problem === null) return url.value.href;
  context.addIssue({ code: "invalid_format", format: "url", message: problem ?? "" });
  return z.NEVER;
});

/** The fields of POST /jobs: the seed's, and the added ones. */
export const CreateJobFields = JobOptions.extend({
  task_id: z
    .string()
    .min(1)
    .max(512)
    .refine(isWellFormed, WELL_FORMED)
    .describe("Your identifier; returned with the job."),
  filebin_url: VideoUrl.optional().describe(
    "Where the video, or the archive, is: a public https address of the file itself. Needs filename. Give exactly one of filebin_url, video_url, upload_id and upload_ids.",
  ),
  video_url: VideoUrl.optional().describe("The same as filebin_url, without a need for filename."),
  upload_id: z.uuid().toLowerCase().optional().describe("A completed upload, instead of a URL."),
  upload_ids: z
    .array(z.uuid().toLowerCase())
    .min(2)
    .max(MAX_JOB_UPLOADS)
    .refine((ids) => new Set(ids).size === ids.length, "must differ from each other")
    .optional()
    .describe("Several completed uploads of one scene, instead of one: videos, photos, or both."),
  filename: FileName.optional().describe("The name of the video."),
  priority: laxNumber(z.int().min(-100).max(100))
    .default(0)
    .describe("Higher goes first; one step equals ten minutes of waiting."),
  pool: PoolName.default(DEFAULT_POOL).describe("The group of agents that may run the job."),
  labels: Labels.default({}).describe("Your own words for the job: `GET /jobs?label=key=value` finds it."),
  ...CallbackFields.shape,
}).meta({
  // What JSON Schema can say of the checks below.
  oneOf: [
    { required: ["filebin_url"] },
    { required: ["video_url"] },
    { required: ["upload_id"] },
    { required: ["upload_ids"] },
  ],
  dependentRequired: { filebin_url: ["filename"] },
});

export const CreateJob = CreateJobFields.superRefine((body, context) => {
  const { filebin_url, video_url, upload_id, upload_ids } = body;
  const sources = [filebin_url, video_url, upload_id, upload_ids].filter((source) => source !== undefined);
  if (sources.length !== 1) {
    context.addIssue({
      code: "custom",
      path: ["filebin_url"],
      message: "Give exactly one of filebin_url, video_url, upload_id and upload_ids",
    });
  }
  if (body.filebin_url !== undefined && body.filename === undefined) {
    context.addIssue({ code: "custom", path: ["filename"], message: "Field required" });
  }
  if (body.end_sec !== null && body.end_sec <= body.start_sec) {
    context.addIssue({ code: "custom", path: ["end_sec"], message: "must be greater than start_sec" });
  }
});
export type CreateJob = z.infer<typeof CreateJob>;

/** POST /jobs/{id}/retry: the same input again, with any options changed. */
export const RetryJobFields = CreateJobFields.omit({
  filebin_url: true,
  video_url: true,
  upload_id: true,
  upload_ids: true,
  filename: true,
});

export const JobCreated = z.object({
  job_id: z.uuid().describe("The new job's id."),
  status: JobStatus.describe("The new job's status."),
  message: z.string().describe("What happened, for people."),
  warnings: Warnings,
});
export type JobCreated = z.infer<typeof JobCreated>;
