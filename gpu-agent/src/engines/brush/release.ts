/** What differs between releases of Brush. */
export interface Release {
  /** E.g. "1.0.0". */
  readonly version: string;
  /** The option for the number of steps, which was renamed after 0.3.0. */
  readonly stepsOption: "--total-train-iters" | "--total-steps";
}

/**
 * Parses the output of `brush --version` and `brush --help`; null for an unsupported version. Before 0.3 Brush printed
 * no progress.
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
  /** Whether the CPU emulates a GPU, as Mesa's llvmpipe does. */
  readonly isCpu: boolean;
}

/** Parses the devices in the output of `vulkaninfo --summary`. */
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
