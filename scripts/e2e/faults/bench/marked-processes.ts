import { readdir, readFile } from "node:fs/promises";
import { parseProcStat } from "@splatt/shared";
import { WORKSPACE_MARK } from "../../../../gpu-agent/src/jobs/workspace.ts";

/** What runs for a workspace, by the mark that an agent's children inherit: "4711 colmap". */
export async function marked(workspace: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (!environment.split("\0").includes(`${WORKSPACE_MARK}=${workspace}`)) continue;
    const stat = parseProcStat(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""));
    if (stat !== null && stat.state !== "Z") found.push(`${pid} ${stat.command}`);
  }
  return found;
}
