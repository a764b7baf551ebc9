import { z } from "zod";
import { AlarmView } from "./alarms.ts";
import { AgentOffer, GpuInfo } from "./engines.ts";
import { FAILURE_CODES } from "./failures.ts";
import { DEFAULT_POOL, PoolName } from "./job.ts";
import { dateTime } from "./timestamps.ts";

/** POST /agents: mints a token for one GPU box. */
export const CreateAgent = z.object({
  name: z.string().min(1).max(255),
  pool: PoolName.default(DEFAULT_POOL),
});
export type CreateAgent = z.infer<typeof CreateAgent>;

/** POST /agents/{id}/drain: the agent takes no new jobs and hands back what it has not finished by the deadline. */
export const DrainAgent = z.object({
  deadline_sec: z
    .number()
    .min(0)
    .max(7 * 24 * 3600)
    .default(3600),
});

/** Why a job failed at an agent, in a way that speaks against the agent's host. */
export const AgentFault = z.object({
  job_id: z.uuid(),
  code: z.enum(FAILURE_CODES),
  at: dateTime(),
});

export const AgentView = z.object({
  agent_id: z.uuid(),
  name: z.string(),
  pool: z.string(),
  connected: z.boolean(),
  version: z.string().nullable(),
  update_available: z
    .boolean()
    .describe("Whether this control plane serves a newer agent; `splatt-agent update` installs it."),
  faults: z
    .array(AgentFault)
    .describe("Its failures in a row, of jobs with different inputs; a completed job clears them."),
  quarantined_since: dateTime()
    .nullable()
    .describe(
      "Since when it gets no jobs, because it failed too many in a row. `splatt-agent doctor` ends it.",
    ),
  offer: AgentOffer.nullable(),
  created_at: dateTime(),
  last_seen_at: dateTime().nullable().describe("When the agent last connected or disconnected."),
});
export type AgentView = z.infer<typeof AgentView>;

export const AgentList = z.object({
  agents: z.array(AgentView),
  alarms: z
    .array(AlarmView)
    .describe("What somebody should look at, in the key's pools; checked every minute."),
});

/** The answer to an agent whose `doctor` has passed. */
export const AgentReleased = z.object({ was_quarantined: z.boolean() });
export type AgentReleased = z.infer<typeof AgentReleased>;

export const AgentDraining = z.object({ message: z.string(), deadline_sec: z.number() });

/** The only answer that contains the token. */
export const AgentCreated = AgentView.extend({
  token: z.string(),
  join_command: z.string().describe("The line to run on the GPU box."),
});
export type AgentCreated = z.infer<typeof AgentCreated>;

/** GET /health: the seed's object, and the engine of each connected agent with the reason for the choice. */
export const Health = z.object({
  status: z.enum(["healthy", "degraded"]),
  /** Why the status is degraded; absent otherwise. */
  degraded: z.array(z.object({ component: z.string(), state: z.string(), message: z.string() })).optional(),
  /** The deployed version of the control plane, where it was deployed with `npm run deploy`. */
  version: z.string().optional(),
  active_jobs: z.int().nonnegative(),
  queued_jobs: z.int().nonnegative(),
  gpu_available: z.boolean(),
  gpu_info: z.object({ name: z.string(), memory_total: z.int().nonnegative() }).nullable(),
  agents: z.array(
    z.object({
      pool: z.string(),
      engine: z.string().nullable(),
      slots: z.int().nonnegative(),
      reason: z.string(),
      /** GPU state at the agent's last report. UUIDs are omitted: this endpoint is public. */
      gpus: z.array(GpuInfo.omit({ uuid: true })),
    }),
  ),
});
export type Health = z.infer<typeof Health>;
