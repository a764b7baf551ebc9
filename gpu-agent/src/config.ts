import { availableParallelism, hostname } from "node:os";
import { resolve } from "node:path";
import { EngineChoice } from "@splatt/shared";
import { z } from "zod";
import { CommandSetting } from "./engines/command/command-line.ts";

/** An empty line in .env means that the default is wanted. */
function optional<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => (value === "" ? undefined : value), schema);
}

const List = z.string().transform((text) =>
  text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== ""),
);

const Flag = z.enum(["true", "false", "1", "0"]).transform((text) => text === "true" || text === "1");

const GIB = 1024 ** 3;

/** The agent's settings, by the names that they have in the environment and in .env. */
export const AgentEnvironment = z.object({
  CONTROL_PLANE_URL: optional(
    z.url({ protocol: /^https?$/, error: "must be the http(s) URL of the control plane" }),
  ),
  AGENT_TOKEN: optional(z.string({ error: "is missing; mint one with POST /agents" }).min(1)),
  /** A name for logs. */
  AGENT_NAME: optional(z.string().max(255).default(hostname())),
  /** Where jobs are worked on; wants room for videos, frames and models. */
  WORKSPACE_ROOT: optional(z.string().default("workspace")),
  ENGINE: optional(EngineChoice.default("auto")),
  /** The Python of the environment that nerfstudio is installed in. */
  NERF_PYTHON_PATH: optional(z.string().nullable().default(null)),
  BRUSH_PATH: optional(z.string().default("brush")),
  OPENSPLAT_PATH: optional(z.string().default("opensplat")),
  /** A trainer of your own: a program and its arguments, as a JSON list. */
  COMMAND_ENGINE: optional(CommandSetting.nullable().default(null)),
  /** How many jobs are worked on at once. */
  SLOTS: optional(z.coerce.number().int().min(1).max(64).default(1)),
  MAX_SOURCE_BYTES: optional(
    z.coerce
      .number()
      .int()
      .positive()
      .default(20 * GIB),
  ),
  /** host or host:port names in private networks that videos may be fetched from, separated by commas. */
  ALLOW_HOSTS: optional(List.default([])),
  /** Whether videos may be fetched over http. */
  ALLOW_HTTP: optional(Flag.default(false)),
  /** How long jobs may go on after the agent was told to stop, before they are handed back. */
  DRAIN_SECONDS: optional(z.coerce.number().min(0).default(60)),
  /** How many ended jobs keep their folders. */
  KEEP_JOBS: optional(z.coerce.number().int().min(0).default(3)),
  /** Processor cores for the tools and for the builtin trainer. */
  THREADS: optional(z.coerce.number().int().min(1).default(availableParallelism())),
  FFMPEG_PATH: optional(z.string().default("ffmpeg")),
  FFPROBE_PATH: optional(z.string().default("ffprobe")),
  COLMAP_PATH: optional(z.string().default("colmap")),
  LOG_LEVEL: optional(z.enum(["debug", "info", "warn", "error", "silent"]).default("info")),
  LOG_FORMAT: optional(z.enum(["pretty", "json"]).default("pretty")),
});
export type AgentEnvironment = z.infer<typeof AgentEnvironment>;

export interface AgentConfig extends Omit<AgentEnvironment, "WORKSPACE_ROOT"> {
  /** Absolute. */
  readonly WORKSPACE_ROOT: string;
}

/** @returns the settings, or every problem with them in a line of its own */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>>,
): { ok: true; config: AgentConfig } | { ok: false; problems: string[] } {
  const parsed = AgentEnvironment.safeParse(environment);
  if (!parsed.success) {
    return {
      ok: false,
      problems: parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`),
    };
  }
  const config = { ...parsed.data, WORKSPACE_ROOT: resolve(parsed.data.WORKSPACE_ROOT) };
  const url = new URL(config.CONTROL_PLANE_URL);
  const local = ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url.protocol === "http:" && !local) {
    return { ok: false, problems: ["CONTROL_PLANE_URL must be https: the token would travel in the clear"] };
  }
  return { ok: true, config };
}
