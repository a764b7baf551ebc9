import { existsSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { dirname } from "node:path";
import { err } from "@splatt/shared";
import { pino } from "pino";
import {
  type AgentConfig,
  AgentEnvironment,
  type MachineConfig,
  readConfig,
  readMachineConfig,
} from "../config.ts";
import { chooseGpus } from "../engines/gpu-choice.ts";
import { surveyGpus } from "../engines/gpus.ts";
import { findInstallation } from "../engines/nerfstudio/installation.ts";
import { lookIntoPython } from "../engines/nerfstudio/probe.ts";
import { setUpEngines } from "../engines/set-up.ts";
import { freeDiskBytes } from "../files/disk-usage.ts";
import { tryFolder } from "../files/folder-trial.ts";
import { toProxySettings } from "../network/proxies.ts";
import { findProgram } from "../processes/find-program.ts";
import { machineSandbox } from "../processes/sandbox.ts";
import { surveyTools } from "../tools/tool-survey.ts";
import type { Check } from "./check.ts";
import { askControlPlane, judgeClock, judgeNetwork, judgeToken } from "./control-plane.ts";
import { judgeCapacity } from "./engine.ts";
import { judgeGpus } from "./gpu.ts";
import { judgeNerfstudio, wantsNerfstudio } from "./nerfstudio.ts";
import { judgeProxies } from "./proxies.ts";
import { releaseFromQuarantine } from "./release.ts";
import { judgeDisk, judgeMemory } from "./resources.ts";
import { judgeSandbox } from "./sandbox.ts";
import { judgeSettings } from "./settings.ts";
import { judgeColmap, judgeFfmpeg, judgeFfprobe } from "./tools.ts";

/**
 * Checks everything that the agent needs on this machine. When nothing fails, the control plane ends a quarantine.
 *
 * @param nameWarnings warnings about misspelt names in the environment
 */
export async function examine(
  environment: NodeJS.ProcessEnv,
  nameWarnings: readonly string[],
): Promise<Check[]> {
  const settings = readConfig(environment);
  const given = Object.keys(AgentEnvironment.shape).filter((name) => environment[name]);
  const problems = settings.ok ? [] : settings.problems;
  const checks = judgeSettings(problems, given, nameWarnings);
  // Missing control plane settings do not prevent the machine's checks; invalid machine settings do.
  const machine = readMachineConfig(environment);
  if (!machine.ok) return checks;
  const parts = await Promise.all([
    examineEngines(machine.config),
    examineTools(machine.config),
    examineResources(machine.config),
    settings.ok ? examineControlPlane(settings.config) : [],
    judgeProxies(toProxySettings(machine.config)),
  ]);
  const all = [...checks, ...parts.flat()];
  if (!settings.ok || all.some(({ verdict }) => verdict === "failure")) return all;
  return [...all, ...(await releaseFromQuarantine(settings.config))];
}

async function examineEngines(config: MachineConfig): Promise<Check[]> {
  const survey = await surveyGpus();
  const choice = chooseGpus(survey.gpus, config.GPUS, process.env.CUDA_VISIBLE_DEVICES);
  const wanted = wantsNerfstudio(config.ENGINE, config.NERF_PYTHON_PATH);
  const gpu = choice.gpus[0]?.uuid ?? null;
  const [python, { offer: capacity }] = await Promise.all([
    wanted ? lookIntoPython(findInstallation(config.NERF_PYTHON_PATH), gpu) : err(""),
    setUpEngines(config, pino({ level: "silent" })),
  ]);
  return [
    ...(config.ENGINE === "builtin" ? [] : judgeGpus(survey, choice, config.MIN_FREE_GPU_BYTES)),
    ...judgeNerfstudio(wanted, python),
    judgeCapacity(capacity),
  ];
}

async function examineTools(config: MachineConfig): Promise<Check[]> {
  const [gpus, tools, sandbox] = await Promise.all([
    surveyGpus(),
    surveyTools(config),
    examineSandbox(config),
  ]);
  return [
    judgeColmap(tools.colmaps, gpus.gpus.length > 0),
    judgeFfmpeg(tools.ffmpeg),
    judgeFfprobe(tools.ffprobe),
    ...sandbox,
  ];
}

async function examineSandbox(config: MachineConfig): Promise<Check[]> {
  const sandbox = machineSandbox();
  const paths = [config.FFMPEG_PATH, config.FFPROBE_PATH, config.COLMAP_PATH].map((file) =>
    findProgram(file),
  );
  return judgeSandbox({
    platform: process.platform,
    setting: config.SANDBOX,
    hasBubblewrap: findProgram("bwrap") !== null,
    method: await sandbox.method(),
    programs: await Promise.all(paths.filter((path) => path !== null).map((path) => sandbox.program(path))),
  });
}

async function examineResources({ WORKSPACE_ROOT }: MachineConfig): Promise<Check[]> {
  const folder = nearestFolder(WORKSPACE_ROOT);
  // In a container the limit is the container's, not the machine's.
  const limit = process.constrainedMemory();
  const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return [
    judgeDisk(WORKSPACE_ROOT, await freeDiskBytes(folder), await tryFolder(folder)),
    judgeMemory(total, Math.min(total, freemem())),
  ];
}

/** The folder, or its nearest existing ancestor. */
function nearestFolder(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestFolder(dirname(path));
}

async function examineControlPlane(config: AgentConfig): Promise<Check[]> {
  const { CONTROL_PLANE_URL: url, AGENT_TOKEN: token } = config;
  const proxies = toProxySettings(config);
  const { health, agent } = await askControlPlane(url, token, proxies);
  return [judgeNetwork(url, health, proxies), judgeToken(agent), ...judgeClock(health)];
}
