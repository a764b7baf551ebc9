/** A release of OpenSplat, by what of it matters here. */
export interface Release {
  /** As OpenSplat tells it, e.g. "1.2.0 (git commit bd0400d)". */
  readonly version: string;
  /**
   * From 1.2 on the result is in the frame of the dataset unless asked otherwise, the number of gaussians can be
   * limited, and the PSNR of the withheld photo is printed. Before, it was in a frame of its own unless asked
   * otherwise.
   */
  readonly since12: boolean;
}

/**
 * Reads what `opensplat --version` printed; null when that is something else, or older than 1.1.5, which was the first
 * that could resume.
 */
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

/** The first line of any training: what it runs on. */
export function parseDevice(line: string): Device | null {
  const [, device] = /^Using (CUDA|MPS|CPU)$/.exec(line.trim()) ?? [];
  return device === undefined ? null : (device as Device);
}
