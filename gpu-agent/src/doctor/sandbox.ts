import type { ProgramSandbox } from "../processes/sandbox.ts";
import { protects, type SandboxMethod } from "../processes/sandbox-methods.ts";
import { type Check, good, skipped, warning } from "./check.ts";

const NAME = "Sandbox";

export interface SandboxFindings {
  readonly platform: NodeJS.Platform;
  readonly setting: "auto" | "off";
  readonly hasBubblewrap: boolean;
  readonly method: SandboxMethod | null;
  /** The installed tools. */
  readonly programs: readonly ProgramSandbox[];
}

/** How well the sandbox keeps ffmpeg, ffprobe and COLMAP from the network and from other files. */
export function judgeSandbox({
  platform,
  setting,
  hasBubblewrap,
  method,
  programs,
}: SandboxFindings): Check[] {
  if (platform !== "linux")
    return [skipped(NAME, "ffmpeg, ffprobe and COLMAP run unconfined: the sandbox needs Linux")];
  if (setting === "off") {
    const detail = "off: a hostile video that exploits a decoder reaches this user's files and the network";
    return [warning(NAME, detail, "Remove SANDBOX=off.")];
  }
  const { files, network } = protects(method);
  if (!files || !network) {
    const open = [...(files ? [] : ["this user's files"]), ...(network ? [] : ["the network"])].join(" and ");
    return [warning(NAME, `ffmpeg, ffprobe and COLMAP can reach ${open}`, remedy(hasBubblewrap))];
  }
  const reasons = [...new Set(programs.flatMap(({ reason }) => (reason === null ? [] : [reason])))];
  if (reasons.length > 0) {
    const advice =
      "Install the program and everything it needs in one folder, or from the distribution's packages.";
    return reasons.map((reason) => warning(NAME, `${reason}: it can reach this user's files`, advice));
  }
  const name = method?.startsWith("bubblewrap") ? "bubblewrap" : "Landlock";
  return [good(NAME, `${name}: ffmpeg, ffprobe and COLMAP can reach neither the network nor other files`)];
}

function remedy(hasBubblewrap: boolean): string {
  return hasBubblewrap
    ? "bubblewrap cannot create namespaces here. Allow unprivileged user namespaces (on Ubuntu 24.04: an AppArmor profile for bwrap; in a container: its security options)."
    : "Install bubblewrap (Debian and Ubuntu: apt-get install bubblewrap).";
}
