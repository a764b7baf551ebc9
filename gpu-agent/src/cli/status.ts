import { counted, type GpuInfo, printable } from "@splatt/shared";
import { byteText, duration } from "@splatt/shared/terminal";
import { readWorkspaceConfig } from "../config.ts";
import { Workspace } from "../jobs/workspace.ts";
import { askAgent } from "../owner/control-client.ts";
import type { AgentJob, AgentStatus } from "../owner/control-protocol.ts";
import { type Pause, PauseFile, pauseText } from "../owner/pause.ts";
import { type Command, readArgs } from "./command.ts";
import { settingsOrComplaint } from "./environment.ts";
import { EXIT } from "./exit-codes.ts";

interface WorkspaceState {
  readonly root: string;
  readonly bytes: number;
  readonly max_bytes: number;
  readonly ended_jobs: number;
}

export const status: Command = {
  usage: `Usage: splatt-agent status [--json]

Shows whether an agent runs in the workspace, its capacity, jobs and GPUs, and the size of the workspace.
Exits with 0 when an agent runs and answers, else with 1.`,
  async run(args) {
    const { values } = readArgs(args, { json: { type: "boolean", default: false } }, 0);
    const config = settingsOrComplaint(readWorkspaceConfig);
    if (config === null) return EXIT.misconfigured;
    const { WORKSPACE_ROOT: root } = config;
    const workspace = new Workspace(root);
    const { bytes, ended } = await workspace.usage(() => false);
    const space = { root, bytes, max_bytes: config.WORKSPACE_MAX_BYTES, ended_jobs: ended.length };
    const answer = await askAgent(root, (agent) => agent.status());
    const agent = answer?.ok ? answer.value : null;
    const paused = agent?.paused ?? (await new PauseFile(root).read());
    const trouble = answer === null || answer.ok ? null : answer.error;
    if (values.json) console.log(JSON.stringify({ agent, paused, workspace: space, trouble }));
    else console.log(statusText(agent, paused, space, trouble));
    return agent === null ? EXIT.failed : EXIT.ok;
  },
};

/** The status as text for people. */
export function statusText(
  agent: AgentStatus | null,
  paused: Pause | null,
  { root, bytes, max_bytes, ended_jobs }: WorkspaceState,
  trouble: string | null,
): string {
  const space = `Workspace  ${root}: ${byteText(bytes)} of at most ${byteText(max_bytes)}, ${counted(ended_jobs, "ended job")}`;
  if (agent === null) {
    const pauseLine = paused === null ? [] : [`           ${pauseText(paused)}`];
    return [`Agent      ${trouble ?? "none runs here"}`, ...pauseLine, space].join("\n");
  }
  const { pid, version, started_at, control_plane, connected, update, quarantine, offer, jobs } = agent;
  return [
    `Agent      ${version}, process ${pid}, since ${started_at.slice(0, 16).replace("T", " ")} UTC`,
    `           ${connected ? "connected to" : "NOT connected to"} ${control_plane}`,
    ...(update === null
      ? []
      : [`           update available: ${update}; install it with splatt-agent update`]),
    ...(quarantine === null ? [] : [`           QUARANTINED: ${quarantine}`]),
    `           ${offer.reason}`,
    `Slots      ${jobs.length} of ${offer.slots} taken`,
    ...offer.gpus.map((gpu) => `GPU        ${gpuText(gpu)}`),
    ...jobs.map((job) => `Job        ${jobText(job)}`),
    space,
  ]
    .map((line) => printable(line))
    .join("\n");
}

function gpuText({ name, memory_total, memory_free, temperature, utilization }: GpuInfo): string {
  const free = memory_free === null ? "" : `${byteText(memory_free)} of `;
  return [
    name,
    // A GPU that shares the machine's memory reports no total.
    ...(memory_total === 0 ? [] : [`${free}${byteText(memory_total)}${free === "" ? "" : " free"}`]),
    ...(utilization === null ? [] : [`${utilization} % busy`]),
    ...(temperature === null ? [] : [`${temperature} °C`]),
  ].join(", ");
}

function jobText({ job_id, status: state, progress, message, eta_seconds }: AgentJob): string {
  const eta = eta_seconds === null ? "" : `, about ${duration(eta_seconds)} to go`;
  return `${job_id.slice(0, 8)} ${state} ${progress} %${eta}: ${message}`;
}
