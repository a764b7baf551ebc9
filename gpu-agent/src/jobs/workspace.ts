import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isRunning, procStat } from "../processes/proc-stat.ts";
import { type JobRecord, loadJobRecord } from "./job-record.ts";

/** Children inherit this variable, so that what a killed agent left running is found by it. */
export const WORKSPACE_MARK = "SPLATT_WORKSPACE";

/**
 * The agent's folder on disk: one folder per job under `jobs/`, named by the job's id, and a lock, so that two
 * agents never work in one workspace.
 */
export class Workspace {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  jobDir(jobId: string): string {
    return join(this.root, "jobs", jobId);
  }

  /** @returns false when another agent that still runs has the workspace */
  async lock(): Promise<boolean> {
    await mkdir(join(this.root, "jobs"), { recursive: true });
    const path = join(this.root, "agent.lock");
    const held = await readFile(path, "utf8").catch(() => null);
    if (held !== null) {
      const { pid, startTime } = JSON.parse(held) as { pid: number; startTime: number };
      const running = pid !== process.pid && isRunning(pid) && procStat(pid)?.startTime === startTime;
      if (running) return false;
    }
    await writeFile(
      path,
      JSON.stringify({ pid: process.pid, startTime: procStat(process.pid)?.startTime ?? 0 }),
    );
    return true;
  }

  async unlock(): Promise<void> {
    await rm(join(this.root, "agent.lock"), { force: true });
  }

  /** Every job of which the workspace has a readable record. */
  async jobs(): Promise<JobRecord[]> {
    const names = await readdir(join(this.root, "jobs")).catch(() => []);
    const records = await Promise.all(names.map((name) => loadJobRecord(this.jobDir(name))));
    return records.filter((record) => record !== null);
  }

  async forget(jobId: string): Promise<void> {
    await rm(this.jobDir(jobId), { recursive: true, force: true });
  }

  /** Keeps the folders of the `keep` jobs that ended last, for retries and for a look; removes older ones. */
  async prune(keep: number): Promise<void> {
    const ended = (await this.jobs()).filter((record) => record.state === "ended");
    const oldest = ended.toSorted((a, b) => b.updated_at - a.updated_at).slice(keep);
    for (const record of oldest) await this.forget(record.fence.job_id);
  }

  /**
   * Ends what an agent that was killed left running in this workspace. Only sensible under the lock.
   *
   * @returns how many processes there were
   */
  async killOrphans(): Promise<number> {
    const mark = `${WORKSPACE_MARK}=${this.root}`;
    let killed = 0;
    for (const name of await readdir("/proc").catch(() => [])) {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid === process.pid) continue;
      const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      if (!environment.split("\0").includes(mark) || !isRunning(pid)) continue;
      process.kill(pid, "SIGKILL");
      killed += 1;
    }
    return killed;
  }
}
