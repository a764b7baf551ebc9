import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import { ActiveStatus, AgentOffer } from "@splatt/shared";
import { z } from "zod";
import { Pause } from "./pause.ts";

/**
 * The protocol between the command line and the agent in a workspace: JSON over HTTP on a Unix socket that only the
 * agent's user can open. The control plane is not involved.
 */
export const PauseRequest = z.object({
  reason: z.string().max(200).default(""),
  now: z.boolean().default(false),
});
export const GcRequest = z.object({
  dry_run: z.boolean(),
  keep_jobs: z.int().nonnegative(),
  max_bytes: z.int().nonnegative(),
});

export const AgentJob = z.object({
  job_id: z.string(),
  attempt: z.int(),
  status: ActiveStatus,
  progress: z.int(),
  message: z.string(),
  eta_seconds: z.int().nullable(),
  seconds_since_output: z.number(),
});
export type AgentJob = z.infer<typeof AgentJob>;

export const AgentStatus = z.object({
  pid: z.int(),
  version: z.string(),
  /** ISO 8601. */
  started_at: z.string(),
  control_plane: z.string(),
  connected: z.boolean(),
  /** The folder of the running program. */
  program: z.string().default(""),
  /** Whether `restart` works: a supervisor starts the program again. */
  supervised: z.boolean().default(false),
  /** The version that the control plane serves, when it is newer. */
  update: z.string().nullable().default(null),
  /** Why the control plane gives the agent no jobs; null when it does. */
  quarantine: z.string().nullable().default(null),
  paused: Pause.nullable(),
  offer: AgentOffer,
  jobs: z.array(AgentJob),
});
export type AgentStatus = z.infer<typeof AgentStatus>;

export const GcReport = z.object({
  removed: z.array(z.object({ jobId: z.string(), endedAt: z.number(), bytes: z.number() })),
});

/** Every system limits the length of a Unix socket's path. */
const MAX_SOCKET_PATH_BYTES = 100;

export function controlSocketPath(workspaceRoot: string): string {
  const path = join(workspaceRoot, "agent.sock");
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return path;
  const name = createHash("sha256").update(workspaceRoot).digest("hex").slice(0, 16);
  // Not in the temporary folder, because a service has a private one (PrivateTmp).
  return join(homedir(), ".cache", `splatt-${name}.sock`);
}
