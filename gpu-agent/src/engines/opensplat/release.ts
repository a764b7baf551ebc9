/** What differs between releases of OpenSplat. */
export interface Release {
  /** As OpenSplat prints it, e.g. "1.2.0 (git commit bd0400d)". */
  readonly version: string;
  /**
   * From 1.2 on, OpenSplat keeps the dataset's frame by default, can limit the number of gaussians, and prints the PSNR
   * of the held-out photo.
   */
  readonly since12: boolean;
}

/** Parses the output of `opensplat --version`; null before 1.1.5, the first that could resume. */
export function parseRelease(lines: readonly string[]): Release | null {
  for (const line of lines) {
    const [version, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+).*$/.exec(line.trim()) ?? [];
    if (version === undefined) continue;
    const number = 10_000 * Number(major) + 100 * Number(minor) + Number(patch);
    return number < 1_01_05 ? null : { version, since12: number >= 1_02_00 };
  }
  return null;
}

export type Device = "CUDA" | "MPS" | "CPU";

/** The device, in the first line of any training. */
export function parseDevice(line: string): Device | null {
  const [, device] = /^Using (CUDA|MPS|CPU)$/.exec(line.trim()) ?? [];
  return device === undefined ? null : (device as Device);
}
