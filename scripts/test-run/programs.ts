import { spawnSync } from "node:child_process";
import type { Tally } from "./tally.ts";

/** A program that tests call. */
interface Program {
  readonly name: string;
  readonly args: readonly string[];
  readonly debianPackage: string;
  /** If missing, the tests that call it are skipped; without a required program they fail. */
  readonly isOptional?: boolean;
}

const PROGRAMS: readonly Program[] = [
  { name: "ffmpeg", args: ["-version"], debianPackage: "ffmpeg" },
  { name: "ffprobe", args: ["-version"], debianPackage: "ffmpeg" },
  { name: "colmap", args: ["-h"], debianPackage: "colmap" },
  { name: "bash", args: ["--version"], debianPackage: "bash" },
  { name: "curl", args: ["--version"], debianPackage: "curl" },
  { name: "python3", args: ["--version"], debianPackage: "python3", isOptional: true },
  { name: "openssl", args: ["version"], debianPackage: "openssl", isOptional: true },
  { name: "unzip", args: ["-v"], debianPackage: "unzip", isOptional: true },
  { name: "bsdtar", args: ["--version"], debianPackage: "libarchive-tools", isOptional: true },
  { name: "chromium", args: ["--version"], debianPackage: "chromium", isOptional: true },
  { name: "strace", args: ["-V"], debianPackage: "strace", isOptional: true },
];

/** Prints the missing programs. @returns a failure for each required one */
export function reportMissingPrograms(): Tally {
  const missing = PROGRAMS.filter(({ name, args }) => spawnSync(name, args).error !== undefined);
  for (const { name, debianPackage, isOptional } of missing) {
    const effect = isOptional ? "its tests are skipped" : "tests that need it will fail";
    console.log(
      `${isOptional ? "note  " : "FAILED"} ${name} is not installed: ${effect}. ` +
        `Debian and Ubuntu: sudo apt-get install ${debianPackage}`,
    );
  }
  return { passed: 0, failed: missing.filter(({ isOptional }) => !isOptional).length, skipped: 0 };
}
