import { readdir, readFile } from "node:fs/promises";
import { FOLDER_MARK } from "@splatt/gpu-agent/processes/orphans";
import { parseProcStat } from "@splatt/shared/processes";

export interface MarkedProcess {
  readonly pid: number;
  readonly command: string;
}

/** The processes of a workspace, found by the mark that an agent's children inherit. */
export async function marked(workspace: string): Promise<MarkedProcess[]> {
  const found: MarkedProcess[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (!environment.split("\0").includes(`${FOLDER_MARK}=${workspace}`)) continue;
    const stat = parseProcStat(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""));
    if (stat !== null && stat.state !== "Z") found.push({ pid: stat.pid, command: stat.command });
  }
  return found;
}
