import { availableParallelism, hostname } from "node:os";
import { join, resolve } from "node:path";
import { EngineChoice, SourcePolicySettings } from "@splatt/shared";
import { z } from "zod";
import { CommandSetting } from "./engines/command/command-line.ts";
import { ProxyEnvironment, withProxyVariables } from "./network/proxies.ts";
import { parseStageMinutes } from "./pipeline/stage-limits.ts";
import { Secret } from "./secret.ts";
import { parseBytes } from "./terminal/byte-text.ts";

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

const StageMinutes = z.string().transform((text, context) => {
  const parsed = parseStageMinutes(text);
  if (parsed.ok) return parsed.minutes;
  context.addIssue({ code: "custom", message: `is wrong: ${parsed.problem}` });
  return z.NEVER;
});

const Bytes = z.string().transform((text, context) => {
  const bytes = parseBytes(text);
  if (bytes !== null) return bytes;
  context.addIssue({ code: "custom", message: "must be bytes, as in 20000000000, 20GB or 20GiB" });
  return z.NEVER;
});

const GIB = 1024 ** 3;

/** The project's folder: relative paths in settings start here, wherever a command is typed. */
export const PROJECT_DIR = join(import.meta.dirname, "..", "..");

/** What the owners of video servers find in their logs unless DOWNLOAD_CONTACT names somebody. */
const PROJECT_URL = "https://splatt.example/agent";

/** Printable, and without the parentheses that a User-Agent puts around it. */
const Contact = z.string().regex(/^[\x21-\x27\x2a-\x7e]{3,200}$/, "must be an e-mail address or a URL");

/** The settings of the machine's work, by the names that they have in the environment and in .env. */
export const MachineEnvironment = z.object({
  /** Where jobs are worked on; wants room for videos, frames and models. */
  WORKSPACE_ROOT: optional(z.string().default("workspace")),
  ENGINE: optional(EngineChoice.default("auto")),
  /** The Python of the environment that nerfstudio is installed in. */
  NERF_PYTHON_PATH: optional(z.string().nullable().default(null)),
  BRUSH_PATH: optional(z.string().default("brush")),
  OPENSPLAT_PATH: optional(z.string().default("opensplat")),
  /** A trainer of your own: a program and its arguments, as a JSON list. */
  COMMAND_ENGINE: optional(CommandSetting.nullable().default(null)),
  /** Names of more variables of the agent's environment that engines get, separated by commas; see child-environment.ts. */
  ENGINE_ENV: optional(List.default([])),
  /** The GPUs to train on: UUIDs, or the numbers that nvidia-smi shows. None means all. */
  GPUS: optional(List.default([])),
  /** How much of a GPU's memory must be free before a job is taken for it. */
  MIN_FREE_GPU_BYTES: optional(Bytes.default(4 * GIB)),
  MAX_SOURCE_BYTES: optional(Bytes.default(20 * GIB)),
  ...SourcePolicySettings.shape,
  /** Where the owners of video servers can reach you; sent with each download. Some servers want one. */
  DOWNLOAD_CONTACT: optional(Contact.default(PROJECT_URL)),
  ...ProxyEnvironment.shape,
  /** The longest that a stage may give no sign of life, and may take: minutes by stage, as in train=600. */
  STAGE_MAX_SILENCE_MINUTES: optional(StageMinutes.default({})),
  STAGE_MAX_MINUTES: optional(StageMinutes.default({})),
  /** Processor cores for the tools and for the builtin trainer. */
  THREADS: optional(z.coerce.number().int().min(1).default(availableParallelism())),
  FFMPEG_PATH: optional(z.string().default("ffmpeg")),
  FFPROBE_PATH: optional(z.string().default("ffprobe")),
  COLMAP_PATH: optional(z.string().default("colmap")),
  /** Whether ffmpeg, ffprobe and COLMAP are kept from the network and other files as well as the machine can. */
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
  /** How many jobs are taken at once; by default one for each GPU and one to prepare meanwhile. */
  SLOTS: optional(z.coerce.number().int().min(1).max(64).nullable().default(null)),
  /** How long jobs may go on after the agent was told to stop, before they are handed back. */
  DRAIN_SECONDS: optional(z.coerce.number().min(0).default(60)),
  /** How many ended jobs keep their folders, and how large the workspace may grow with them. */
  KEEP_JOBS: optional(z.coerce.number().int().min(0).default(3)),
  WORKSPACE_MAX_BYTES: optional(Bytes.default(50 * GIB)),
});

export type MachineConfig = z.infer<typeof MachineEnvironment>;
export type AgentConfig = z.infer<typeof AgentEnvironment>;

type Environment = Readonly<Record<string, string | undefined>>;
export type ConfigResult<Config> = { ok: true; config: Config } | { ok: false; problems: string[] };

/** @returns the settings, or every problem with them in a line of its own. WORKSPACE_ROOT is absolute. */
export function readConfig(environment: Environment): ConfigResult<AgentConfig> {
  return read(AgentEnvironment, environment);
}

/** The settings of the machine alone, for work without a control plane. */
export function readMachineConfig(environment: Environment): ConfigResult<MachineConfig> {
  return read(MachineEnvironment, environment);
}

/** What must be known to look after a workspace. */
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
    config: { ...parsed.data, WORKSPACE_ROOT: resolve(PROJECT_DIR, parsed.data.WORKSPACE_ROOT) },
  };
}

/** Whether what is sent to an address stays secret on its way. What is no address at all is refused elsewhere. */
function isPrivate(address: string): boolean {
  if (!URL.canParse(address)) return true;
  const { protocol, hostname } = new URL(address);
  return protocol !== "http:" || ["127.0.0.1", "[::1]", "localhost"].includes(hostname);
}
