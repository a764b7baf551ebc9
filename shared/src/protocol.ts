import { z } from "zod";
import { AgentOffer } from "./engines.ts";
import { FAILURE_CODES } from "./failures.ts";
import { Fence } from "./fence.ts";
import { FileName } from "./file-name.ts";
import { ActiveStatus } from "./job-status.ts";
import { JobReport } from "./jobs/report.ts";
import { JobSpec } from "./jobs/spec.ts";
import { PoolName } from "./pools.ts";
import { Sha256Hex } from "./uploads.ts";
import { MAX_LOG_LINE_CHARS, MetricPoint } from "./watch.ts";

/**
 * The messages between an agent and its Dispatcher: JSON text frames on the WebSocket that the agent opened.
 * docs/protocol.md specifies who sends what, when, and the guarantees.
 */
export const SUBPROTOCOL = "splat-agent.v1";
export const PROTOCOL_VERSION = "1.0";
export const AGENT_SOCKET_PATH = "/agent";
/** A longer frame closes the socket. */
export const MAX_FRAME_BYTES = 64 * 1024;

/** The heartbeat. The runtime answers it without waking a hibernating Dispatcher. */
export const PING = "ping";
export const PONG = "pong";

export const CLOSE = {
  drained: 1000,
  /** The frame was not a message of this protocol. */
  badMessage: 4000,
  /** The agent was deleted or its token revoked. */
  revoked: 4003,
  /** No heartbeat for a lease's length. */
  silent: 4008,
  /** A newer process connected with the same token; this one must not come back. */
  replaced: 4009,
  /** The protocol's major version is not the server's. */
  incompatible: 4010,
  /** The agent sent more than its budget allows; it waits before it reconnects. */
  rateLimited: 4011,
  /** No hello arrived in time. */
  noHello: 4012,
  /** The hello could not be answered because storage is unavailable. */
  unavailable: 4013,
} as const;

/** Set by the server, so that all agents of a pool use the same values and tests can shorten them. */
export const Intervals = z.object({
  heartbeat_ms: z.int().positive(),
  lease_ms: z.int().positive(),
  held_ms: z.int().positive(),
  progress_ms: z.int().positive(),
  resend_ms: z.int().positive(),
});
export type Intervals = z.infer<typeof Intervals>;

const Seq = z.int().min(1);
const Text = z.string().max(2000);

/** A job that the agent still works on, as reported on every connect. */
export const HeldJob = z.object({
  fence: Fence,
  status: ActiveStatus,
  progress: z.int().min(0).max(99),
  message: Text,
});
export type HeldJob = z.infer<typeof HeldJob>;

export const Hello = z.object({
  type: z.literal("hello"),
  protocol: z.string().regex(/^\d+\.\d+$/),
  /** Random per process. */
  instance_id: z.string().min(1).max(64),
  name: z.string().max(255),
  version: z.string().max(64),
  offer: AgentOffer,
  held: z.array(HeldJob).max(64),
  /** Ended jobs whose files the agent still has. The server answers with `job.forget` for the deleted ones. */
  kept: z.array(z.uuid()).max(64).default([]),
});
export type Hello = z.infer<typeof Hello>;

/** The agent's capacity has changed: it was paused or resumed, it drains, or its GPUs' state changed. */
export const Offer = z.object({ type: z.literal("offer"), offer: AgentOffer });
export type Offer = z.infer<typeof Offer>;

export const JobAccept = z.object({ type: z.literal("job.accept"), fence: Fence });
export type JobAccept = z.infer<typeof JobAccept>;

export const JobReject = z.object({
  type: z.literal("job.reject"),
  fence: Fence,
  code: z.enum(["no_free_slot", "draining", "engine_unavailable", "disk_full"]),
  detail: Text,
});
export type JobReject = z.infer<typeof JobReject>;

export const JobHeld = z.object({
  type: z.literal("job.held"),
  jobs: z
    .array(z.object({ fence: Fence, status: ActiveStatus, seconds_since_output: z.number().nonnegative() }))
    .max(64),
});
export type JobHeld = z.infer<typeof JobHeld>;

export const JobStage = z.object({
  type: z.literal("job.stage"),
  fence: Fence,
  seq: Seq,
  status: ActiveStatus,
  progress: z.int().min(0).max(99),
  message: Text,
});
export type JobStage = z.infer<typeof JobStage>;

export const JobProgress = z.object({
  type: z.literal("job.progress"),
  fence: Fence,
  /** The whole job's. */
  progress: z.int().min(0).max(99),
  /** The running stage's own. */
  stage_progress: z.int().min(0).max(100),
  message: Text,
  eta_seconds: z.int().nonnegative().nullable(),
});
export type JobProgress = z.infer<typeof JobProgress>;

/** The two things of which an agent keeps numbered entries, sent only while somebody watches the job. */
export const WatchStream = z.enum(["log", "metrics"]);
export type WatchStream = z.infer<typeof WatchStream>;

/** Two requests per stream can be open: one by those who follow the end, one by those who catch up. */
const Lane = z.enum(["follow", "catch-up"]);

/** Where a reader of a stream is. `id` is null until the agent has said which stream it has. */
export const StreamPosition = z.object({
  id: z.string().max(64).nullable(),
  /** The next entry; negative counts from the end. */
  next: z.int(),
});
export type StreamPosition = z.infer<typeof StreamPosition>;

/** At most this many bytes of entries are in a `job.entries`, so that it costs no points of the agent's budget. */
export const MAX_ENTRIES_BYTES = 7 * 1024;

/** The answer to `job.read`; sent for nothing else. */
export const JobEntries = z.object({
  type: z.literal("job.entries"),
  fence: Fence,
  lane: Lane,
  /** As `job.read` named it. */
  position: StreamPosition,
  /** Which stream these entries belong to: another one when the job was assigned to this agent again. */
  id: z.string().min(1).max(64),
  /** The number of the first entry. */
  from: z.int().nonnegative(),
  /** Whether there are further entries already. */
  more: z.boolean(),
  entries: z.discriminatedUnion("stream", [
    z.object({ stream: z.literal("log"), lines: z.array(z.string().max(MAX_LOG_LINE_CHARS)).max(1000) }),
    z.object({ stream: z.literal("metrics"), points: z.array(MetricPoint).max(1000) }),
  ]),
});
export type JobEntries = z.infer<typeof JobEntries>;

export const CompletedUpload = z.object({
  filename: FileName,
  upload_id: z.uuid(),
  size: z.int().positive(),
  sha256: Sha256Hex,
});
export type CompletedUpload = z.infer<typeof CompletedUpload>;

export const JobComplete = z.object({
  type: z.literal("job.complete"),
  fence: Fence,
  seq: Seq,
  uploads: z.array(CompletedUpload).min(1).max(64),
  report: JobReport,
});
export type JobComplete = z.infer<typeof JobComplete>;

export const JobFail = z.object({
  type: z.literal("job.fail"),
  fence: Fence,
  seq: Seq,
  code: z.enum(FAILURE_CODES),
  detail: Text,
  /** The last lines of the stage's log. */
  log_tail: z.array(z.string().max(500)).max(50),
  report: JobReport,
});
export type JobFail = z.infer<typeof JobFail>;

export const JobCancelled = z.object({ type: z.literal("job.cancelled"), fence: Fence, seq: Seq });
export type JobCancelled = z.infer<typeof JobCancelled>;

/** The answer to `job.recall`: the job had not begun and will not. */
export const JobRecalled = z.object({ type: z.literal("job.recalled"), fence: Fence, seq: Seq });
export type JobRecalled = z.infer<typeof JobRecalled>;

/** The agent stops and hands the job back, begun or not. It counts as neither a failure nor a lost lease. */
export const JobReturned = z.object({
  type: z.literal("job.returned"),
  fence: Fence,
  seq: Seq,
  reason: Text,
});
export type JobReturned = z.infer<typeof JobReturned>;

export const AgentMessage = z.discriminatedUnion("type", [
  Hello,
  Offer,
  JobAccept,
  JobReject,
  JobHeld,
  JobStage,
  JobProgress,
  JobEntries,
  JobComplete,
  JobFail,
  JobCancelled,
  JobRecalled,
  JobReturned,
]);
export type AgentMessage = z.infer<typeof AgentMessage>;

/** The agent's messages that are acknowledged after the durable write, and resent until then. */
export const AckedMessage = z.discriminatedUnion("type", [
  JobStage,
  JobComplete,
  JobFail,
  JobCancelled,
  JobRecalled,
  JobReturned,
]);
export type AckedMessage = z.infer<typeof AckedMessage>;

/**
 * What the agent does with a job that it holds: continue under the given fence, or abandon it. `last_seq` is the last
 * number that was applied. An agent whose disk lost newer records continues above it.
 */
export const HeldVerdict = z.discriminatedUnion("action", [
  z.object({
    action: z.literal("continue"),
    held: Fence,
    fence: Fence,
    last_seq: z.int().nonnegative().default(0),
  }),
  z.object({ action: z.literal("abandon"), held: Fence, reason: Text }),
]);
export type HeldVerdict = z.infer<typeof HeldVerdict>;

export const Welcome = z.object({
  type: z.literal("welcome"),
  protocol: z.string(),
  agent_id: z.uuid(),
  pool: PoolName,
  intervals: Intervals,
  jobs: z.array(HeldVerdict).max(64),
  /** The control plane's version; older ones do not send it. */
  version: z.string().max(100).optional(),
  /** Result files of at most this size can be sent in one request; older control planes take parts only. */
  max_whole_file_bytes: z.int().nonnegative().optional(),
  /** Why this agent gets no jobs, while it is quarantined. */
  quarantine: Text.nullish(),
});
export type Welcome = z.infer<typeof Welcome>;

export const JobAssign = z.object({ type: z.literal("job.assign"), fence: Fence, spec: JobSpec });
export type JobAssign = z.infer<typeof JobAssign>;

export const Ack = z.object({ type: z.literal("ack"), fence: Fence, seq: Seq });
export type Ack = z.infer<typeof Ack>;

/** The fence is stale: stop the work. */
export const JobAbandon = z.object({ type: z.literal("job.abandon"), fence: Fence, reason: Text });
export type JobAbandon = z.infer<typeof JobAbandon>;

export const JobCancel = z.object({ type: z.literal("job.cancel"), fence: Fence, reason: Text });
export type JobCancel = z.infer<typeof JobCancel>;

export const JobRecall = z.object({ type: z.literal("job.recall"), fence: Fence, reason: Text });
export type JobRecall = z.infer<typeof JobRecall>;

/** The job was deleted: remove its files from the workspace. */
export const JobForget = z.object({ type: z.literal("job.forget"), job_id: z.uuid() });
export type JobForget = z.infer<typeof JobForget>;

/**
 * Somebody watches the job: send the entries of a stream from a position on, once. It replaces an open request of the
 * same stream and lane. Agents that do not know it ignore it.
 */
export const JobRead = z.object({
  type: z.literal("job.read"),
  fence: Fence,
  stream: WatchStream,
  lane: Lane,
  position: StreamPosition,
  /** Answer only when there are entries; otherwise at once. */
  wait: z.boolean(),
});
export type JobRead = z.infer<typeof JobRead>;

/** Take no new jobs, finish the present ones, and hand back the rest after `deadline_ms`. */
export const Drain = z.object({ type: z.literal("drain"), deadline_ms: z.int().nonnegative() });
export type Drain = z.infer<typeof Drain>;

/**
 * This agent's jobs failed in a row, so it gets no more until its owner's `doctor` passes; null when that has happened.
 * Agents that do not know it ignore it.
 */
export const Quarantine = z.object({ type: z.literal("quarantine"), reason: Text.nullable() });
export type Quarantine = z.infer<typeof Quarantine>;

export const ServerMessage = z.discriminatedUnion("type", [
  Welcome,
  JobAssign,
  Ack,
  JobAbandon,
  JobCancel,
  JobRecall,
  JobForget,
  JobRead,
  Drain,
  Quarantine,
]);
export type ServerMessage = z.infer<typeof ServerMessage>;

/** Minor versions are compatible, because unknown fields are ignored; major versions are not. */
export function sameMajor(a: string, b: string): boolean {
  return a.split(".")[0] === b.split(".")[0];
}
