import { z } from "zod";
import { JobEvent, JobView } from "./job.ts";
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

/** Lines of the job's log, numbered from 0. Another `log` than before means another agent's: it begins anew. */
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
  /** The cursor of the last message that was received. */
  cursor: z.string().max(200).optional(),
  /** The first log line that is wanted; without it, no lines are sent. */
  log: LineNumber.optional(),
  /** The first point that is wanted; without it, no points are sent. */
  metrics: LineNumber.optional(),
});

export const MAX_WAIT_SECONDS = 60;

/** The query of GET /jobs/{id}/status: waits until the job's version differs from `after`. */
export const StatusQuery = z.object({
  wait: laxNumber(z.number().min(0).max(MAX_WAIT_SECONDS)).default(0),
  after: laxNumber(z.int().nonnegative()).optional(),
});

export const LogQuery = z.object({
  from: LineNumber.default(0),
  limit: laxNumber(z.int().min(1).max(MAX_LOG_LINES)).default(MAX_LOG_LINES),
});

/** GET /jobs/{id}/logs. */
export const JobLogs = z.object({
  /** `live`: from the agent; `stored`: from pipeline.log; `tail`: what a failure kept; `none`: nothing is to be had. */
  source: z.enum(["live", "stored", "tail", "none"]),
  /** The number of the first line. */
  from: z.int().nonnegative(),
  lines: z.array(z.string()),
  /** Where the next request continues. */
  next: z.int().nonnegative(),
  /** Whether no line can follow any more. */
  complete: z.boolean(),
});
export type JobLogs = z.infer<typeof JobLogs>;
