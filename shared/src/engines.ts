import { z } from "zod";
import { FAILURE_CODES } from "./failures.ts";

/** The engines that train a posed image set. `builtin` runs on the CPU; the others need a GPU. */
export const ENGINE_NAMES = ["nerfstudio", "builtin", "brush", "opensplat", "command"] as const;
export const EngineName = z.enum(ENGINE_NAMES);
export type EngineName = z.infer<typeof EngineName>;

/** What a job may request: an engine by name, or the one that the agent's owner configured. */
export const EngineChoice = z.enum(["auto", ...ENGINE_NAMES]);
export type EngineChoice = z.infer<typeof EngineChoice>;

/** A sentence or two, cut at 300 characters: people read it, and it is stored with the agent's connection. */
const ShortText = z.string().transform((text) => text.slice(0, 300));

/** The result of probing one engine. `reason` says why it is usable or not. */
export const EngineProbe = z.object({
  name: EngineName.describe("The engine."),
  usable: z.boolean().describe("Whether the agent can train with it."),
  version: z.string().nullable().describe("The engine's version; null where unknown."),
  reason: ShortText.describe("Why it is usable or not."),
});
export type EngineProbe = z.infer<typeof EngineProbe>;

export const GpuInfo = z.object({
  name: z.string().describe("The GPU's model."),
  uuid: z.string().describe("The GPU's UUID, as its driver reports it."),
  memory_total: z.int().nonnegative().describe("Bytes."),
  memory_free: z
    .int()
    .nonnegative()
    .nullable()
    .default(null)
    .describe("At the last measurement, as are the fields below; null where unknown."),
  temperature: z.int().nullable().default(null).describe("°C."),
  utilization: z
    .int()
    .min(0)
    .max(100)
    .nullable()
    .default(null)
    .describe("Percent of time during which a kernel ran."),
});
export type GpuInfo = z.infer<typeof GpuInfo>;

/** An agent's capacity, as sent in `hello` and used by dispatch and GET /health. */
export const AgentOffer = z.object({
  engines: z.array(EngineProbe).max(16).describe("The result of probing each engine."),
  default_engine: EngineName.nullable().describe(
    "The engine for jobs that request `auto`; null when this agent takes none of them.",
  ),
  slots: z
    .int()
    .min(0)
    .max(64)
    .describe("How many jobs the agent takes at once. When it is 0, `reason` says why."),
  parallel: z
    .int()
    .min(0)
    .max(64)
    .optional()
    .describe(
      "How many jobs the agent trains at once; it prepares the others. Older agents omit it: then it equals `slots`.",
    ),
  takes_several_files: z
    .boolean()
    .optional()
    .describe("Whether the agent takes jobs of several uploads; older agents omit it."),
  takes_scale_reference: z
    .boolean()
    .optional()
    .describe("Whether the agent measures a job's `scale_reference`; older agents omit it."),
  reason: ShortText.describe("Why the agent offers these slots and this default engine."),
  problem: z
    .enum(FAILURE_CODES)
    .nullish()
    .catch(null)
    .describe("The failure that every job would end with now, where there is one; older agents omit it."),
  gpus: z.array(GpuInfo).max(16).describe("The GPUs of the agent's machine; empty when it has none."),
});
export type AgentOffer = z.infer<typeof AgentOffer>;

/** How many jobs an agent can train at once; with fewer it has idle resources. */
export function parallelJobs({ slots, parallel }: Pick<AgentOffer, "slots" | "parallel">): number {
  return Math.min(slots, parallel ?? slots);
}

/** The engine of `offer` that runs a job requesting `choice`; null when none does. */
export function engineFor(choice: EngineChoice, offer: AgentOffer): EngineName | null {
  if (choice === "auto") return offer.default_engine;
  return offer.engines.some((engine) => engine.name === choice && engine.usable) ? choice : null;
}
