import { availableParallelism, hostname } from "node:os";
import { resolve } from "node:path";
import { EngineChoice, SourcePolicySettings } from "@splatt/shared";
import { parseBytes } from "@splatt/shared/terminal";
import { z } from "zod";
import { CommandSetting } from "./engines/command/command-line.ts";
import { FOLDERS } from "./installation.ts";
import { ProxyEnvironment, withProxyVariables } from "./network/proxies.ts";
import { parseStageMinutes } from "./pipeline/stage-limits.ts";
import { Secret } from "./secret.ts";
import { DEFAULT_COLMAP } from "./tools/colmap-programs.ts";

/** An empty value in .env stands for the default. */
function optional<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => (value === "" ? undefined : value), schema);
}

const List = z.string().transform((text) =>
  text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== ""),
);

const StageMinutes = z.string().transform((text, context) => {
  const parsed = parseStageMinutes(text);
  if (parsed.ok) return parsed.minutes;
  context.addIssue({ code: "custom", message: `is invalid: ${parsed.problem}` });
  return z.NEVER;
});

const Bytes = z.string().transform((text, context) => {
  const bytes = parseBytes(text);
  if (bytes !== null) return bytes;
  context.addIssue({ code: "custom", message: "must be bytes, as in 20000000000, 20GB or 20GiB" });
  return z.NEVER;
});

const GIB = 1024 ** 3;
const DAY_SECONDS = 24 * 3600;

/** Printable, without the parentheses that enclose it in the User-Agent. */
const Contact = z.string().regex(/^[\x21-\x27\x2a-\x7e]{3,200}$/, "must be an e-mail address or a URL");

/** The settings for running jobs on this machine, by their names in the environment and in .env. */
export const MachineEnvironment = z.object({
  /** The folder for jobs; needs space for videos, frames and models. */
  WORKSPACE_ROOT: optional(z.string().default("workspace")),
  ENGINE: optional(EngineChoice.default("auto")),
  /** The Python of the environment that nerfstudio is installed in. */
  NERF_PYTHON_PATH: optional(z.string().nullable().default(null)),
  BRUSH_PATH: optional(z.string().default("brush")),
  OPENSPLAT_PATH: optional(z.string().default("opensplat")),
  /** A trainer of your own: a program and its arguments, as a JSON list. */
  COMMAND_ENGINE: optional(CommandSetting.nullable().default(null)),
  /** Additional environment variables that are passed to engines, separated by commas; see child-environment.ts. */
  ENGINE_ENV: optional(List.default([])),
  /** The GPUs to train on: UUIDs, or the numbers that nvidia-smi shows. None means all. */
  GPUS: optional(List.default([])),
  /** The free memory that a GPU needs before the agent takes a job for it. */
  MIN_FREE_GPU_BYTES: optional(Bytes.default(4 * GIB)),
  MAX_SOURCE_BYTES: optional(Bytes.default(20 * GIB)),
  ...SourcePolicySettings.shape,
  /** Where the operators of video servers can reach you; sent with each download. Some servers require it. */
  DOWNLOAD_CONTACT: optional(Contact.nullable().default(null)),
  ...ProxyEnvironment.shape,
  /** How long a stage may print no output, and how long it may take: minutes by stage, as in train=600. */
  STAGE_MAX_SILENCE_MINUTES: optional(StageMinutes.default({})),
  STAGE_MAX_MINUTES: optional(StageMinutes.default({})),
  /** CPU cores for the tools and for the builtin trainer. */
  THREADS: optional(z.coerce.number().int().min(1).default(availableParallelism())),
  FFMPEG_PATH: optional(z.string().default("ffmpeg")),
  FFPROBE_PATH: optional(z.string().default("ffprobe")),
  COLMAP_PATH: optional(z.string().default(DEFAULT_COLMAP)),
  /** A Python with pycolmap, or its environment's folder. By default nerfstudio's is looked into. */
  PYCOLMAP_PYTHON: optional(z.string().nullable().default(null)),
  /** Whether to sandbox ffmpeg, ffprobe and COLMAP as well as the machine allows. */
  SANDBOX: optional(z.enum(["auto", "off"]).default("auto")),
  LOG_LEVEL: optional(z.enum(["debug", "info", "warn", "error", "silent"]).default("info")),
  LOG_FORMAT: optional(z.enum(["pretty", "json"]).default("pretty")),
});

/** All settings of an agent: the machine's, then those of its service for a control plane. */
export const AgentEnvironment = MachineEnvironment.extend({
  CONTROL_PLANE_URL: optional(
    z
      .url({ protocol: /^https?$/, error: "must be the http(s) URL of the control plane" })
      .refine(isPrivate, "must be https: the token would travel in the clear"),
  ),
  AGENT_TOKEN: optional(
    z
      .string({ error: "is missing; mint one with POST /agents" })
      .min(1)
      .transform((token) => new Secret(token)),
  ),
  /** A name for logs. */
  AGENT_NAME: optional(z.string().max(255).default(hostname())),
  /** How many jobs the agent holds; by default one per GPU, and one that prepares meanwhile. */
  SLOTS: optional(z.coerce.number().int().min(1).max(64).nullable().default(null)),
  /** How long jobs may run on when the agent stops, before it returns them. */
  DRAIN_SECONDS: optional(
    z.coerce
      .number()
      .min(0)
      .max(7 * DAY_SECONDS)
      .default(60),
  ),
  /** How long the workspace's disk may hang before the agent gives up the jobs on it, and others can take them. */
  DISK_PATIENCE_SECONDS: optional(z.coerce.number().min(1).max(DAY_SECONDS).default(300)),
  /** How many ended jobs keep their folders, and how large the workspace may grow with them. */
  KEEP_JOBS: optional(z.coerce.number().int().min(0).default(3)),
  WORKSPACE_MAX_BYTES: optional(Bytes.default(50 * GIB)),
});

export type MachineConfig = z.infer<typeof MachineEnvironment>;
export type AgentConfig = z.infer<typeof AgentEnvironment>;

type Environment = Readonly<Record<string, string | undefined>>;
export type ConfigResult<Config> = { ok: true; config: Config } | { ok: false; problems: string[] };

/** @returns the settings, with an absolute WORKSPACE_ROOT, or a line for each problem */
export function readConfig(environment: Environment): ConfigResult<AgentConfig> {
  return read(AgentEnvironment, environment);
}

/** The settings of the machine alone, for work without a control plane. */
export function readMachineConfig(environment: Environment): ConfigResult<MachineConfig> {
  return read(MachineEnvironment, environment);
}

/** The settings that workspace maintenance needs. */
export type WorkspaceConfig = Pick<AgentConfig, "WORKSPACE_ROOT" | "KEEP_JOBS" | "WORKSPACE_MAX_BYTES">;

export function readWorkspaceConfig(environment: Environment): ConfigResult<WorkspaceConfig> {
  return read(
    AgentEnvironment.pick({ WORKSPACE_ROOT: true, KEEP_JOBS: true, WORKSPACE_MAX_BYTES: true }),
    environment,
  );
}

function read<Config extends { readonly WORKSPACE_ROOT: string }>(
  schema: z.ZodType<Config>,
  environment: Environment,
): ConfigResult<Config> {
  const parsed = schema.safeParse(withProxyVariables(environment));
  if (!parsed.success) {
    return {
      ok: false,
      problems: parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`),
    };
  }
  return {
    ok: true,
    config: { ...parsed.data, WORKSPACE_ROOT: resolve(FOLDERS.data, parsed.data.WORKSPACE_ROOT) },
  };
}

/** Whether requests to an address are encrypted or stay on this machine. Invalid URLs are rejected elsewhere. */
function isPrivate(address: string): boolean {
  if (!URL.canParse(address)) return true;
  const { protocol, hostname } = new URL(address);
  return protocol !== "http:" || ["127.0.0.1", "[::1]", "localhost"].includes(hostname);
}
