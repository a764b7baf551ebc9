/** A release of Brush, by what of it matters here. */
export interface Release {
  /** E.g. "1.0.0". */
  readonly version: string;
  /** How the number of steps is asked for: its name changed after 0.3.0 was tagged. */
  readonly stepsOption: "--total-train-iters" | "--total-steps";
}

/**
 * Reads what `brush --version` and `brush --help` printed; null when that is not a Brush that can be used. Before 0.3 it
 * told nothing of its training.
 */
export function parseRelease(version: readonly string[], help: readonly string[]): Release | null {
  const number = version
    .map((line) => /^brush\S* (\d+\.\d+\.\d+\S*)/i.exec(line.trim())?.[1])
    .find((found) => found !== undefined);
  if (number === undefined || /^0\.[012]\./.test(number)) return null;
  for (const stepsOption of ["--total-train-iters", "--total-steps"] as const) {
    if (help.some((line) => line.includes(stepsOption))) return { version: number, stepsOption };
  }
  return null;
}

export interface VulkanDevice {
  readonly name: string;
  /** Whether it is the processor that plays a GPU, as Mesa's llvmpipe does. */
  readonly isCpu: boolean;
}

/** Reads the devices in what `vulkaninfo --summary` printed. */
export function parseVulkanDevices(lines: readonly string[]): VulkanDevice[] {
  const devices: VulkanDevice[] = [];
  let type = "";
  for (const line of lines) {
    const [, key, value = ""] = /^\s*(deviceType|deviceName)\s*=\s*(.+?)\s*$/.exec(line) ?? [];
    if (key === "deviceType") type = value;
    if (key === "deviceName") devices.push({ name: value, isCpu: type === "PHYSICAL_DEVICE_TYPE_CPU" });
  }
  return devices;
}
