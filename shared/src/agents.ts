import { z } from "zod";
import { AlarmView } from "./alarms.ts";
import { AgentOffer, GpuInfo } from "./engines.ts";
import { FAILURE_CODES } from "./failures.ts";
import { laxNumber } from "./lax-number.ts";
import { oneLine } from "./one-line.ts";
import { DEFAULT_POOL, PoolName } from "./pools.ts";
import { dateTime } from "./timestamps.ts";

/** POST /agents: mints a token for one GPU box. */
export const CreateAgent = z.object({
  name: oneLine(z.string().trim().min(1).max(255)).describe(
    "A name for the GPU box, shown in lists. It need not be unique.",
  ),
  pool: PoolName.default(DEFAULT_POOL).describe(
    "The pool whose jobs the agent takes; it cannot be changed later.",
  ),
});
export type CreateAgent = z.infer<typeof CreateAgent>;

/** POST /agents/{id}/drain: the agent takes no new jobs and hands back what it has not finished by the deadline. */
export const DrainAgent = z.object({
  deadline_sec: laxNumber(
    z
      .number()
      .min(0)
      .max(7 * 24 * 3600),
  )
    .default(3600)
    .describe(
      "Seconds that the running jobs may still take, at most 7 days. Then the agent hands them back.",
    ),
});

/** Why a job failed at an agent, in a way that speaks against the agent's host. */
export const AgentFault = z.object({
  job_id: z.uuid().describe("The job that failed."),
  code: z.enum(FAILURE_CODES).describe("The failure's code; docs/failures.md lists them."),
  at: dateTime().describe("When it failed."),
});

export const AgentView = z.object({
  agent_id: z.uuid().describe("The agent's id."),
  name: z.string().describe("As the agent was registered."),
  pool: z.string().describe("The pool whose jobs it takes."),
  connected: z.boolean().describe("Whether its connection to the control plane is open now."),
  version: z.string().nullable().describe("The agent's version; null before its first connection."),
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
  offer: AgentOffer.nullable().describe(
    "What it can take, as it last reported; null before its first connection.",
  ),
  created_at: dateTime().describe("When the agent was registered."),
  last_seen_at: dateTime().nullable().describe("When the agent last connected or disconnected."),
});
export type AgentView = z.infer<typeof AgentView>;

export const AgentList = z.object({
  agents: z.array(AgentView).describe("Newest first."),
  alarms: z.array(AlarmView).describe("What needs attention, in the key's pools; checked every minute."),
});

/** The answer to an agent whose `doctor` has passed. */
export const AgentReleased = z.object({ was_quarantined: z.boolean() });
export type AgentReleased = z.infer<typeof AgentReleased>;

export const AgentDraining = z.object({
  message: z.string().describe("What was done, for people."),
  deadline_sec: z.number().describe("Seconds that the running jobs may still take."),
});

/** The only answer that contains the token. */
export const AgentCreated = AgentView.extend({
  token: z.string().describe("What the agent authenticates with. No other answer contains it."),
  join_command: z.string().describe("The line to run on the GPU box."),
});
export type AgentCreated = z.infer<typeof AgentCreated>;

/** GET /health: the seed's object, and the engine of each connected agent with the reason for the choice. */
export const Health = z.object({
  status: z.enum(["healthy", "degraded"]).describe("`degraded` when storage or the database has a fault."),
  degraded: z
    .array(
      z.object({
        component: z.string().describe("What has the fault: `storage` or `database`."),
        state: z.string().describe("What is wrong, in a word."),
        message: z.string().describe("What is wrong, and what to do."),
      }),
    )
    .optional()
    .describe("Why the status is degraded; absent otherwise."),
  version: z
    .string()
    .optional()
    .describe("The deployed version of the control plane, where it was deployed with `npm run deploy`."),
  active_jobs: z.int().nonnegative().describe("Jobs that an agent works on."),
  queued_jobs: z.int().nonnegative().describe("Jobs that wait."),
  gpu_available: z.boolean().describe("Whether a connected agent has a GPU."),
  gpu_info: z
    .object({ name: GpuInfo.shape.name, memory_total: GpuInfo.shape.memory_total })
    .nullable()
    .describe("The first GPU of the connected agents; null when there is none."),
  agents: z
    .array(
      z.object({
        pool: z.string().describe("The pool whose jobs the agent takes."),
        engine: z
          .string()
          .nullable()
          .describe("What trains jobs that request `auto`; null when the agent takes none of them."),
        slots: z.int().nonnegative().describe("How many jobs the agent takes at once."),
        reason: z.string().describe("Why the agent offers these slots and this engine."),
        // UUIDs are omitted: this endpoint is public.
        gpus: z.array(GpuInfo.omit({ uuid: true })).describe("The agent's GPUs, as it last reported."),
      }),
    )
    .describe("The connected agents. Nothing here identifies one."),
});
export type Health = z.infer<typeof Health>;
