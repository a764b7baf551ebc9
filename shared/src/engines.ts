import { z } from "zod";

/** Everything that can train a posed image set. `builtin` runs on the CPU; the others need a GPU. */
export const ENGINE_NAMES = ["nerfstudio", "builtin", "brush", "opensplat", "command"] as const;
export const EngineName = z.enum(ENGINE_NAMES);
export type EngineName = z.infer<typeof EngineName>;

/** What a job may ask for: an engine by name, or whatever the agent's owner has set up. */
export const EngineChoice = z.enum(["auto", ...ENGINE_NAMES]);
export type EngineChoice = z.infer<typeof EngineChoice>;

/** A sentence or two. What is longer is cut: it is shown to people, and kept with the agent's connection. */
const Words = z.string().transform((text) => text.slice(0, 300));

/** What an agent found out about one engine. `reason` says why it is or is not usable. */
export const EngineProbe = z.object({
  name: EngineName,
  usable: z.boolean(),
  version: z.string().nullable(),
  reason: Words,
});
export type EngineProbe = z.infer<typeof EngineProbe>;

export const GpuInfo = z.object({
  name: z.string(),
  uuid: z.string(),
  /** Bytes. */
  memory_total: z.int().nonnegative(),
  /** Of the last look at the GPU, like what follows; null where it cannot be told. */
  memory_free: z.int().nonnegative().nullable().default(null),
  /** °C. */
  temperature: z.int().nullable().default(null),
  /** Percent of the time that some kernel ran. */
  utilization: z.int().min(0).max(100).nullable().default(null),
});
export type GpuInfo = z.infer<typeof GpuInfo>;

/** What an agent can do, as it says in its hello and as dispatch and GET /health use it. */
export const AgentOffer = z.object({
  engines: z.array(EngineProbe).max(16),
  /** The engine that runs a job asking for `auto`; null when this agent takes no such job. */
  default_engine: EngineName.nullable(),
  /** How many jobs the agent takes at once. Zero when it takes none; `reason` says why. */
  slots: z.int().min(0).max(64),
  /**
   * How many of these it trains at once. What it takes beyond that it prepares meanwhile, and hands back if it
   * has not begun when another agent falls idle. Older agents do not say: all their slots, then.
   */
  parallel: z.int().min(0).max(64).optional(),
  reason: Words,
  gpus: z.array(GpuInfo).max(16),
});
export type AgentOffer = z.infer<typeof AgentOffer>;

/** How many jobs an agent works on side by side; with fewer it is idle in part. */
export function parallelJobs({ slots, parallel }: Pick<AgentOffer, "slots" | "parallel">): number {
  return Math.min(slots, parallel ?? slots);
}

/** Which engine of `offer` runs a job that asks for `choice`; null when none does. */
export function engineFor(choice: EngineChoice, offer: AgentOffer): EngineName | null {
  if (choice === "auto") return offer.default_engine;
  return offer.engines.some((engine) => engine.name === choice && engine.usable) ? choice : null;
}
