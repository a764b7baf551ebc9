import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "@splatt/shared/folders";
import { DiskUsage, freeDiskBytes } from "../files/disk-usage.ts";
import { FolderLock } from "../processes/folder-lock.ts";
import { type JobRecord, loadJobRecord } from "./job-record.ts";
import { byteBudget, chooseRemovals, type EndedJob, type RetentionLimits } from "./retention.ts";

/** Begins the name of a folder that is being removed. */
const REMOVED = "removed-";
/** Where earlier versions moved what they removed. */
const FORMER_TRASH = "trash";

/** The disk usage of a workspace. */
export interface WorkspaceUsage {
  readonly bytes: number;
  /** Ended jobs, and folders without a readable record. */
  readonly ended: readonly EndedJob[];
}

/**
 * The agent's folder on disk: one folder per job under `jobs/`, named by the job's id, and a lock, so that only one
 * agent uses the workspace.
 */
export class Workspace {
  readonly root: string;
  readonly #lock: FolderLock;
  readonly #freeBytes: (path: string) => Promise<number>;

  /** @param freeBytes returns the free space on a folder's disk */
  constructor(root: string, freeBytes = freeDiskBytes) {
    this.root = root;
    this.#freeBytes = freeBytes;
    this.#lock = new FolderLock(join(root, "agent.lock"));
  }

  jobDir(jobId: string): string {
    return join(this.root, "jobs", jobId);
  }

  /** @returns false when another running agent holds the lock */
  async lock(): Promise<boolean> {
    const taken = await this.#lock.take();
    if (!taken) return false;
    await mkdir(join(this.root, "jobs"), { recursive: true });
    await this.#finishRemovals();
    return true;
  }

  async unlock(): Promise<void> {
    await this.#lock.release();
  }

  /** The id of the process that holds the lock; null when it is free. */
  async holder(): Promise<number | null> {
    return this.#lock.holder();
  }

  /** Free space on the workspace's disk. */
  async freeBytes(): Promise<number> {
    await makeFolder(this.root);
    return this.#freeBytes(this.root);
  }

  /** The readable job records in the workspace. */
  async jobs(): Promise<JobRecord[]> {
    const records = await Promise.all((await this.#jobIds()).map((id) => loadJobRecord(this.jobDir(id))));
    return records.filter((record) => record !== null);
  }

  /**
   * Removes a job's folder. It is renamed first, so that a concurrent reader finds all of it or nothing. Makes no
   * folder for that: on a full disk, removing must be possible above all.
   */
  async forget(jobId: string): Promise<void> {
    const removed = join(this.root, `${REMOVED}${jobId}-${randomUUID()}`);
    const isRenamed = await rename(this.jobDir(jobId), removed).then(
      () => true,
      () => false,
    );
    await rm(isRenamed ? removed : this.jobDir(jobId), { recursive: true, force: true });
  }

  /** @param isHeld whether a job is in use, regardless of its record */
  async usage(isHeld: (jobId: string) => boolean): Promise<WorkspaceUsage> {
    const ended: { jobId: string; endedAt: number }[] = [];
    for (const jobId of await this.#jobIds()) {
      const record = await loadJobRecord(this.jobDir(jobId));
      if (isHeld(jobId) || record?.state === "running") continue;
      ended.push({ jobId, endedAt: record?.updated_at ?? (await changedAt(this.jobDir(jobId))) });
    }
    // Files that a retry shares with its original are freed when the last of the two is removed.
    const usage = new DiskUsage();
    const endedIds = new Set(ended.map(({ jobId }) => jobId));
    let bytes = 0;
    for (const name of await readdir(this.root).catch(() => [])) {
      if (name !== "jobs") bytes += await usage.of(join(this.root, name));
    }
    for (const jobId of await this.#jobIds()) {
      if (!endedIds.has(jobId)) bytes += await usage.of(this.jobDir(jobId));
    }
    const measured: EndedJob[] = [];
    for (const job of ended.toSorted((a, b) => b.endedAt - a.endedAt)) {
      measured.push({ ...job, bytes: await usage.of(this.jobDir(job.jobId)) });
    }
    return { bytes: bytes + measured.reduce((sum, job) => sum + job.bytes, 0), ended: measured };
  }

  /**
   * Removes the folders of ended jobs, oldest first, until the workspace is within its limits and its disk has space.
   *
   * @returns the jobs that were removed or, with `dryRun`, would be
   */
  async gc(
    limits: RetentionLimits,
    isHeld: (jobId: string) => boolean,
    dryRun = false,
  ): Promise<{ removed: EndedJob[]; bytes: number }> {
    const { bytes, ended } = await this.usage(isHeld);
    const maxBytes = byteBudget(limits.maxBytes, bytes, await this.freeBytes());
    const endedBytes = ended.reduce((sum, job) => sum + job.bytes, 0);
    const removals = chooseRemovals(ended, bytes - endedBytes, { ...limits, maxBytes });
    const removed: EndedJob[] = [];
    for (const job of removals) {
      if (isHeld(job.jobId)) continue;
      if (!dryRun) await this.forget(job.jobId);
      removed.push(job);
    }
    return { removed, bytes: bytes - removed.reduce((sum, job) => sum + job.bytes, 0) };
  }

  /** Removes what a crash left of removed jobs. */
  async #finishRemovals(): Promise<void> {
    for (const name of await readdir(this.root)) {
      if (name.startsWith(REMOVED) || name === FORMER_TRASH)
        await rm(join(this.root, name), { recursive: true, force: true });
    }
  }

  async #jobIds(): Promise<string[]> {
    return readdir(join(this.root, "jobs")).catch(() => []);
  }
}

async function changedAt(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.mtimeMs ?? 0;
}
