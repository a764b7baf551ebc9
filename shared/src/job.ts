import { z } from "zod";
import { NextCursor, Warnings } from "./answer-fields.ts";
import { CaptureReport, ResultVerdict, UpChoice } from "./capture.ts";
import { EngineChoice, EngineName } from "./engines.ts";
import { FAILURE_CODES } from "./failures.ts";
import { JobStatus } from "./job-status.ts";
import { LabelPair, Labels, MAX_LABELS } from "./labels.ts";
import { laxNumber } from "./lax-number.ts";
import { STAGES } from "./progress.ts";
import { ScaleReference } from "./scale-reference.ts";
import { sharePageAdvice } from "./sources/share-page.ts";
import { parseSourceUrl } from "./sources/source-url.ts";
import { dateTime } from "./timestamps.ts";
import { CallbackFields } from "./webhooks.ts";

export const Preset = z.enum(["draft", "standard", "high"]);
export type Preset = z.infer<typeof Preset>;

const POOL_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** The name of a pool. */
export const PoolName = z.string().regex(POOL_NAME, "lower-case letters, digits, - and _");
export const DEFAULT_POOL = "default";

/** The most uploads that one job takes; an archive holds more. */
export const MAX_JOB_UPLOADS = 256;

/** A lone surrogate has no UTF-8: each store would replace it differently. */
const isWellFormed = (text: string): boolean => text.isWellFormed();
const WELL_FORMED = { message: "must be well-formed Unicode" };

/** A plain file name: no folders, no control characters, not `.` or `..`. */
export const FileName = z
  .string()
  .min(1)
  .max(255)
  .regex(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
    /^(?!\.{1,2}$)[^/\\\u0000-\u001f\u007f-\u009f\u2028\u2029]+$/,
    "must be a file name without folders or control characters",
  )
  .refine(isWellFormed, WELL_FORMED);

/** A video's address, as the URL standard writes it. Pages that only show a video are refused. */
const VideoUrl = z.string().transform((text, context) => {
  const url = parseSourceUrl(text);
  const problem = url.ok ? sharePageAdvice(url.value) : url.error;
  if (url.ok && problem === null) return url.value.href;
  context.addIssue({ code: "invalid_format", format: "url", message: problem ?? "" });
  return z.NEVER;
});

/** The options of a job that the agent follows. */
export const JobOptions = z.object({
  iterations: laxNumber(z.int().min(1).max(1_000_000)).default(5000).describe("Training steps."),
  fps: laxNumber(z.number().positive().max(120))
    .default(4)
    .describe("Frames per second of video. Not for photos and datasets."),
  start_sec: laxNumber(z.number().min(0))
    .default(0)
    .describe("Start of the range, in seconds; of several videos, of each. Not for photos and datasets."),
  end_sec: laxNumber(z.number().positive())
    .nullable()
    .default(null)
    .describe("End of the range, in seconds; null is the end of the video."),
  engine: EngineChoice.default("auto").describe("What trains the splat. auto chooses among the GPU engines."),
  preset: Preset.default("standard").describe("How much work goes into quality."),
  up: UpChoice.default("auto").describe(
    "Which side of the pictures points up. auto decides from the photos' positions, the cameras and the scene; camera is for pictures taken straight down.",
  ),
  scale_reference: ScaleReference.nullable()
    .default(null)
    .describe(
      "A known distance in the scene: report.capture.scale then has the metres of one unit. Also as a text: `12,40=0.8` for the cameras of frames 12 and 40, 0.8 m apart; `2.5s` is a time, other names are photos.",
    ),
  max_splats: laxNumber(z.int().min(1000).max(20_000_000))
    .nullable()
    .default(null)
    .describe("Maximum number of gaussians in the result; null leaves it to the engine and preset."),
  max_resolution: laxNumber(z.int().min(64).max(8192))
    .nullable()
    .default(null)
    .describe("Longest side of the training images, in pixels; null leaves it to the engine and preset."),
});
export type JobOptions = z.infer<typeof JobOptions>;

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

/** Where the agent downloads the video: a URL, or an upload on the control plane. */
export const JobSource = z.discriminatedUnion("kind", [
  // The agent checks the URL itself and can name what is wrong with it.
  z.object({ kind: z.literal("url"), url: z.string() }),
  z.object({
    kind: z.literal("upload"),
    size: z.int().positive(),
    /** Hex, when the client announced it: the agent verifies what it downloads. */
    sha256: z.string().optional(),
  }),
]);
export type JobSource = z.infer<typeof JobSource>;

/** What the agent has to do: everything that determines the result, and nothing else. */
export const JobSpec = z.object({
  source: JobSource,
  options: JobOptions,
  retry_of: z
    .uuid()
    .nullable()
    .default(null)
    .describe("The ended job that this one retries. An agent that has its finished stages may reuse them."),
});
export type JobSpec = z.infer<typeof JobSpec>;

/** Quality of the trained splat. PSNR (dB) and SSIM are means over the held-out frames. */
export const TrainReport = z.object({
  gaussians: z.int().nonnegative().describe("Gaussians in the result."),
  iterations: z.int().nonnegative().describe("Training steps that were done."),
  sh_degree: z.int().min(0).max(4).describe("Degree of the spherical harmonics."),
  width: z.int().positive().describe("Width of the training images, in pixels."),
  height: z.int().positive().describe("Height of the training images, in pixels."),
  held_out_frames: z.int().nonnegative().describe("Frames that training never saw, kept to measure quality."),
  psnr: z
    .number()
    .nullable()
    .describe("Mean PSNR over the held-out frames, in dB; null when it was not measured."),
  ssim: z
    .number()
    .nullable()
    .describe("Mean SSIM over the held-out frames, at most 1; null when it was not measured."),
  psnr_color_corrected: z
    .number()
    .nullable()
    .optional()
    .describe(
      "The same as psnr, with each rendering fitted to the brightness and tint of its frame; absent where the engine does not measure it.",
    ),
  psnr_given_poses: z
    .number()
    .nullable()
    .optional()
    .describe(
      "The same as psnr with the held-out cameras as they were given, where the training refined the poses. There, psnr is that of held-out cameras fitted to the splat.",
    ),
  exposure_spread: z
    .number()
    .nonnegative()
    .optional()
    .describe(
      "How much the exposure differs between frames, where the training compensated for it: 0.1 is ±10 %.",
    ),
  pruned_gaussians: z
    .int()
    .positive()
    .optional()
    .describe(
      "Gaussians left out of the result because hardly any camera sees them, they hang in front of a camera, or they are far fog. Held-out frames are no worse without them.",
    ),
  note: z.string().max(500).optional().describe("What deviates from the request, and why."),
  psnr_doubt: z.string().max(300).optional().describe("Why the PSNR cannot be true, in a sentence."),
  warnings: z
    .array(z.string().max(300))
    .max(16)
    .optional()
    .describe("What is odd about the result, a sentence each."),
});
export type TrainReport = z.infer<typeof TrainReport>;

export const StageTiming = z.object({
  stage: z.enum(STAGES).describe("A stage of the pipeline."),
  seconds: z.number().nonnegative().describe("How long the stage took."),
  reused: z.boolean().describe("Finished by an earlier attempt and reused."),
});
export type StageTiming = z.infer<typeof StageTiming>;

/** The agent's report at the end of an attempt, whatever its outcome. */
export const JobReport = z.object({
  engine: z
    .object({
      name: EngineName.describe("The engine."),
      version: z.string().nullable().describe("The engine's version; null where unknown."),
      reason: z.string().describe("Why this engine was chosen."),
    })
    .nullable()
    .describe("The engine that trained, or was chosen to; null when the attempt ended before the choice."),
  capture: CaptureReport.nullable().describe("What the poses stage found; null when it did not finish."),
  train: TrainReport.nullable().describe("Quality of the splat; null when training did not finish."),
  result: ResultVerdict.nullable()
    .optional()
    .describe("How good the splat is; null until it is known, absent from agents of older versions."),
  stages: z.array(StageTiming).max(32).describe("The finished stages, in order."),
});
export type JobReport = z.infer<typeof JobReport>;

/** The files that every completed job has. Further ones exist where they could be made. */
export const RESULT_FILES = ["transforms.json", "baked_splat.ply", "baked_splat_sh.ply"] as const;

/** The newest picture of the splat while a job trains; the thumbnail replaces it when the job is completed. */
export const PREVIEW_FILE = "preview.webp";
export const THUMBNAIL_FILE = "thumbnail.webp";
/** A film of a flight through the cameras of the capture. */
export const FLY_THROUGH_FILE = "flythrough.mp4";
/** Lists the files of a streamed set with levels of detail. Viewers know it by this name. */
export const LOD_META_FILE = "lod-meta.json";

/** Whether a file belongs to the streamed set: `lod-meta.json`, or `lod-LEVEL-NUMBER.sog`. */
export function isLodFile(filename: string): boolean {
  return filename === LOD_META_FILE || /^lod-\d+-\d+\.sog$/.test(filename);
}

/** The output of the tools, which a completed job keeps. */
export const LOG_FILE = "pipeline.log";
export const MAX_PREVIEW_BYTES = 512 * 1024;

const RESULT_CONTENT_TYPES: ReadonlyMap<string, string> = new Map([
  ["json", "application/json"],
  ["ply", "application/octet-stream"],
  ["spz", "application/octet-stream"],
  ["sog", "application/zip"],
  ["webp", "image/webp"],
  ["mp4", "video/mp4"],
  ["log", "text/plain; charset=utf-8"],
]);

export function resultContentType(filename: string): string {
  const extension = filename.slice(filename.lastIndexOf(".") + 1);
  return RESULT_CONTENT_TYPES.get(extension) ?? "application/octet-stream";
}

export const ResultEntry = z.object({
  url: z.string().describe("Relative to the API's origin."),
  size: z.int().nonnegative().describe("Bytes."),
  sha256: z.string().describe("Hex."),
  content_type: z.string().describe("The media type that a download has."),
});
export type ResultEntry = z.infer<typeof ResultEntry>;

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

/** POST /jobs/{id}/retry: the same input again, with any options changed. */
export const RetryJobFields = CreateJobFields.omit({
  filebin_url: true,
  video_url: true,
  upload_id: true,
  upload_ids: true,
  filename: true,
});

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

export const JobCreated = z.object({
  job_id: z.uuid().describe("The new job's id."),
  status: JobStatus.describe("The new job's status."),
  message: z.string().describe("What happened, for people."),
  warnings: Warnings,
});
export type JobCreated = z.infer<typeof JobCreated>;

/** A parameter without a value is no filter, as the seed's clients send `status=`. */
const absentWhenEmpty = (value: unknown) => (value === "" ? undefined : value);
const MAX_REPEATS = 100;
/** A parameter that may be repeated. One that is repeated too often stays as it is, to be refused. */
const listOf = (value: unknown) => {
  const items = [value].flat();
  return items.length > MAX_REPEATS ? items : items.filter((item) => item !== "" && item !== undefined);
};

/** A naive time is UTC. An unescaped `+` of an offset arrives as a space. */
const Timestamp = z.string().transform((text, context) => {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+ -]\d\d:?\d\d)?)?$/i.exec(
    text.trim(),
  );
  const [, date = "", time = "00:00", offset = "Z"] = match ?? [];
  const at = Date.parse(`${date}T${time}${offset.replace(" ", "+").toUpperCase()}`);
  // A day that its month lacks would be read as one of the next month.
  const isOnCalendar = Number.isSafeInteger(at) && new Date(`${date}T00:00Z`).toISOString().startsWith(date);
  if (isOnCalendar) return at;
  context.addIssue({ code: "custom", message: "must be an ISO 8601 time, such as 2026-11-28T10:30:00Z" });
  return z.NEVER;
});

/** The query of GET /jobs. All filters must match; of several statuses, one. */
export const ListJobsQuery = z.object({
  task_id: z
    .preprocess(absentWhenEmpty, z.string().max(512).optional())
    .describe("Jobs with this `task_id`; it need not be unique."),
  label: z
    .preprocess(listOf, z.array(LabelPair).max(MAX_LABELS))
    .optional()
    .describe("`key=value`. May be repeated: then a job must have all of them."),
  status: z
    .preprocess(listOf, z.array(JobStatus).max(MAX_REPEATS))
    .optional()
    .meta({ items: { type: "string", enum: [...JobStatus.options, ""] } })
    .describe("May be repeated: then a job must have one of them."),
  pool: z
    .preprocess(absentWhenEmpty, PoolName.optional())
    .meta({ pattern: `^$|${POOL_NAME.source}` })
    .describe("Jobs of this pool."),
  created_after: z
    .preprocess(absentWhenEmpty, Timestamp.optional())
    .describe("Jobs created at this time or later. Without an offset it is UTC."),
  created_before: z
    .preprocess(absentWhenEmpty, Timestamp.optional())
    .describe("Jobs created before this time."),
  limit: laxNumber(z.int().min(0).max(1000)).default(100).describe("0 asks for `total` alone."),
  cursor: laxNumber(z.int().positive())
    .optional()
    .describe("`next_cursor` of the page before. A page may be empty and still have one."),
});
export type ListJobsQuery = z.infer<typeof ListJobsQuery>;

export const JobList = z.object({
  jobs: z.array(JobStatusView).describe("Newest first."),
  total: z
    .int()
    .nonnegative()
    .nullable()
    .describe(
      "How many jobs match. Exact without a filter and for statuses; null for other filters, which nothing counts.",
    ),
  next_cursor: NextCursor,
  warnings: Warnings,
});
export type JobList = z.infer<typeof JobList>;
