import type { GpuInfo } from "@splatt/shared";

/** The GPUs that the agent may use, and what is wrong with the setting, if anything. */
export interface GpuChoice {
  readonly gpus: readonly GpuInfo[];
  readonly problem: string | null;
}

/**
 * The GPUs that the owner allows: those in GPUS, else those in CUDA_VISIBLE_DEVICES, else all. Both are lists of
 * UUIDs, UUID prefixes (as in CUDA), or nvidia-smi's indices.
 */
export function chooseGpus(
  gpus: readonly GpuInfo[],
  setting: readonly string[],
  cudaVisibleDevices: string | undefined,
): GpuChoice {
  const [names, source] =
    setting.length > 0
      ? [setting, "GPUS"]
      : [cudaVisibleDevices?.split(",").map((name) => name.trim()), "CUDA_VISIBLE_DEVICES"];
  if (names === undefined) return { gpus, problem: null };
  const chosen = new Set<GpuInfo>();
  const unknown: string[] = [];
  for (const name of names) {
    const gpu = /^\d+$/.test(name) ? gpus[Number(name)] : gpus.find(({ uuid }) => isNameOf(name, uuid));
    if (gpu !== undefined) chosen.add(gpu);
    else if (name !== "" && name !== "-1") unknown.push(name);
  }
  const problem =
    unknown.length === 0
      ? null
      : `${source} names ${unknown.join(", ")}, but nvidia-smi lists ${gpus.map(({ uuid }) => uuid).join(", ") || "no GPU"}.`;
  return { gpus: [...chosen], problem };
}

function isNameOf(name: string, uuid: string): boolean {
  return /^GPU-/i.test(name) && uuid.toLowerCase().startsWith(name.toLowerCase());
}

/** The index of the free GPU with the most free memory; the first when that is unknown. */
export function mostFreeMemory(free: readonly (string | null)[], gpus: readonly GpuInfo[]): number {
  const room = free.map((uuid) => gpus.find((gpu) => gpu.uuid === uuid)?.memory_free ?? -1);
  return room.indexOf(Math.max(...room));
}
