import type { MachineConfig } from "@splatt/gpu-agent/config";
import type { AgentOffer, EngineName, GpuInfo } from "@splatt/shared";

/** A host's hardware, as the plan defines it. */
export interface Hardware {
  readonly engines: readonly EngineName[];
  readonly slots: number;
  /** How many jobs train concurrently. */
  readonly gpus: number;
}

const GIB = 1024 ** 3;

export function offerOf({ engines, slots, gpus }: Hardware): AgentOffer {
  return {
    engines: engines.map((name) => ({ name, usable: true, version: null, reason: "" })),
    default_engine: engines[0] ?? null,
    slots,
    parallel: gpus,
    reason: "Simulated.",
    gpus: Array.from({ length: gpus }, (_, index) => gpu(index)),
  };
}

function gpu(index: number): GpuInfo {
  return {
    name: "Simulated",
    uuid: `GPU-${index}`,
    memory_total: 24 * GIB,
    memory_free: 23 * GIB,
    temperature: 60,
    utilization: 0,
  };
}

/** Only the settings that a host with fake stages reads. */
export function hostConfig(workspaceRoot: string): MachineConfig {
  const unused = "";
  return {
    WORKSPACE_ROOT: workspaceRoot,
    ENGINE: "auto",
    NERF_PYTHON_PATH: null,
    BRUSH_PATH: unused,
    OPENSPLAT_PATH: unused,
    COMMAND_ENGINE: null,
    ENGINE_ENV: [],
    SANDBOX: "auto",
    GPUS: [],
    MIN_FREE_GPU_BYTES: 4 * GIB,
    MAX_SOURCE_BYTES: 20 * GIB,
    ALLOW_HOSTS: [],
    ALLOW_HTTP: false,
    DOWNLOAD_CONTACT: unused,
    HTTPS_PROXY: null,
    HTTP_PROXY: null,
    ALL_PROXY: null,
    NO_PROXY: unused,
    STAGE_MAX_SILENCE_MINUTES: {},
    STAGE_MAX_MINUTES: {},
    THREADS: 4,
    FFMPEG_PATH: unused,
    FFPROBE_PATH: unused,
    COLMAP_PATH: unused,
    PYCOLMAP_PYTHON: null,
    LOG_LEVEL: "info",
    LOG_FORMAT: "json",
  };
}
