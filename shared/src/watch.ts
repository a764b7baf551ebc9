import { z } from "zod";
import { JobEvent, JobView } from "./jobs/view.ts";
import { laxNumber } from "./lax-number.ts";

/**
 * What `GET /jobs/{id}/watch` sends, over a WebSocket or as server-sent events. docs/watching.md says when.
 */
export const WATCH_SUBPROTOCOL = "splatt-watch.v1";
/** A browser cannot set headers on a WebSocket: it offers its key as a second subprotocol, in base64url. */
export const WATCH_KEY_PREFIX = "splatt-key.";

/** Lines in an answer, and the most characters of each. */
export const MAX_LOG_LINES = 1000;
export const MAX_LOG_LINE_CHARS = 4096;

/** Why a watch ended, and the WebSocket's close code. */
export const WATCH_END = {
  /** The job has ended, and everything was sent. */
  job_ended: 1000,
  job_deleted: 4004,
  /** The key was revoked or has expired. */
  key_revoked: 4003,
  /** The watcher sent something that is not in this protocol. */
  bad_message: 4000,
} as const;
export type WatchEnd = keyof typeof WATCH_END;

/** What was known of a training at one step. */
export const MetricPoint = z.object({
  step: z.int().nonnegative(),
  loss: z.number().nullable(),
  /** dB, on held-out frames. */
  psnr: z.number().nullable(),
  gaussians: z.int().nonnegative().nullable(),
});
export type MetricPoint = z.infer<typeof MetricPoint>;

/** Where the watcher is now: sent back as `cursor`, or as Last-Event-ID, it continues from here. */
const cursor = z.string();

/** The job as it is now: first what the watcher has not seen yet, then at every change of its version. */
export const WatchedJob = z.object({
  type: z.literal("job"),
  cursor,
  version: z.int().positive(),
  job: JobView,
  /** The entries of the job's history that the watcher has not seen. */
  events: z.array(JobEvent),
});

/** Progress between the versions. Not numbered: the latest counts. */
export const WatchedProgress = z.object({
  type: z.literal("progress"),
  cursor,
  attempt: z.int().positive(),
  progress: z.int().min(0).max(99),
  stage_progress: z.int().min(0).max(100),
  message: z.string(),
  eta_seconds: z.int().nonnegative().nullable(),
});

/** Lines of the job's log, numbered from 0. A different `log` is another agent's, and replaces the one before. */
export const WatchedLog = z.object({
  type: z.literal("log"),
  cursor,
  log: z.string(),
  /** The number of the first line. */
  from: z.int().nonnegative(),
  lines: z.array(z.string()),
  /** Whether there are further lines already. */
  more: z.boolean(),
});

/** Points of the training's curves, numbered like the lines of the log. */
export const WatchedMetrics = z.object({
  type: z.literal("metrics"),
  cursor,
  series: z.string(),
  from: z.int().nonnegative(),
  points: z.array(MetricPoint),
  more: z.boolean(),
});

/** The last message. */
export const WatchedEnd = z.object({
  type: z.literal("end"),
  cursor,
  reason: z.enum(Object.keys(WATCH_END) as [WatchEnd, ...WatchEnd[]]),
});

/** Sent after every 256 KiB: nothing follows until the watcher has sent `ack`. */
export const AckWanted = z.object({ type: z.literal("ack_wanted"), cursor });

export const WatchMessage = z.discriminatedUnion("type", [
  WatchedJob,
  WatchedProgress,
  WatchedLog,
  WatchedMetrics,
  WatchedEnd,
  AckWanted,
]);
export type WatchMessage = z.infer<typeof WatchMessage>;

/** What a watcher sends: the answer to `ack_wanted`. Besides, `ping` is answered with `pong`. */
export const WATCH_ACK = "ack";

/** A line's number, or, negative, how many of the last lines. */
const LineNumber = laxNumber(z.int().min(-MAX_LOG_LINES).max(1_000_000_000));

export const WatchQuery = z.object({
  cursor: z.string().max(200).optional().describe("The cursor of the last message that was received."),
  log: LineNumber.optional().describe(
    "The number of the first log line that is wanted, from 0; negative asks for that many of the last. Without it, no lines are sent.",
  ),
  metrics: LineNumber.optional().describe(
    "The number of the first point of the curves that is wanted, from 0; negative asks for that many of the last. Without it, no points are sent.",
  ),
});

export const MAX_WAIT_SECONDS = 60;

/** The query of GET /jobs/{id}/status: waits until the job's version differs from `after`. */
export const StatusQuery = z.object({
  wait: laxNumber(z.number().min(0).max(MAX_WAIT_SECONDS))
    .default(0)
    .describe("Seconds to wait for a change, at most 60; 0 answers at once."),
  after: laxNumber(z.int().nonnegative())
    .optional()
    .describe("The `version` that is known already. With `wait`, the answer waits for another."),
});

export const LogQuery = z.object({
  from: LineNumber.default(0).describe(
    "The number of the first line that is wanted, from 0; negative asks for that many of the last.",
  ),
  limit: laxNumber(z.int().min(1).max(MAX_LOG_LINES))
    .default(MAX_LOG_LINES)
    .describe("Lines in the answer, at most."),
});

/** GET /jobs/{id}/logs. */
export const JobLogs = z.object({
  source: z
    .enum(["live", "stored", "tail", "none"])
    .describe(
      "`live`: from the agent; `stored`: from pipeline.log; `tail`: what a failure kept; `none`: there is no log.",
    ),
  from: z.int().nonnegative().describe("The number of the first line."),
  lines: z.array(z.string()).describe("The lines."),
  next: z.int().nonnegative().describe("The `from` of the next request."),
  complete: z.boolean().describe("Whether no line can follow any more."),
});
export type JobLogs = z.infer<typeof JobLogs>;
