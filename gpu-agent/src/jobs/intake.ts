import { mkdir } from "node:fs/promises";
import { err, type Failure, type Fence, type JobSpec, ok, type Result } from "@splatt/shared";
import { systemFailure } from "../processes/system-failure.ts";
import { inheritStages } from "./inherit.ts";
import { type JobRecord, JobRecordFile, loadJobRecord, newJobRecord, nextAttempt } from "./job-record.ts";
import type { Workspace } from "./workspace.ts";

/** Makes room in the workspace for jobs that arrive, and knows which folders are in use meanwhile. */
export class Intake {
  readonly #workspace: Workspace;
  readonly #arriving = new Set<string>();
  /** Ended jobs whose finished stages are being taken over. */
  readonly #repeated = new Set<string>();

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  /** How many jobs are on their way in. */
  get arriving(): number {
    return this.#arriving.size;
  }

  /** Whether the job's folder must not be removed. */
  uses(jobId: string): boolean {
    return this.#arriving.has(jobId) || this.#repeated.has(jobId);
  }

  /**
   * A folder and a record on disk for a job, with whatever an earlier attempt, or the job that it repeats, finished.
   *
   * @param adopt takes over what keeps the folder in use, before it counts as arrived
   * @returns `disk_full` and the like when the disk refuses
   */
  async take<T>(fence: Fence, spec: JobSpec, adopt: (file: JobRecordFile) => T): Promise<Result<T, Failure>> {
    const dir = this.#workspace.jobDir(fence.job_id);
    this.#arriving.add(fence.job_id);
    try {
      const file = new JobRecordFile(dir, await this.#recordFor(dir, fence, spec));
      const refused = await file.update({});
      return refused === null ? ok(adopt(file)) : err(refused);
    } catch (error) {
      const shortage = systemFailure(error);
      if (shortage === null) throw error;
      return err(shortage);
    } finally {
      this.#arriving.delete(fence.job_id);
    }
  }

  async #recordFor(dir: string, fence: Fence, spec: JobSpec): Promise<JobRecord> {
    await mkdir(dir, { recursive: true });
    const known = await loadJobRecord(dir);
    if (known !== null) return nextAttempt(known, fence, spec, Date.now());
    const inherited = spec.retry_of === null ? {} : await this.#inherit(spec.retry_of, dir);
    return newJobRecord(fence, spec, Date.now(), inherited);
  }

  async #inherit(repeated: string, dir: string): Promise<JobRecord["stages"]> {
    this.#repeated.add(repeated);
    return inheritStages(this.#workspace.jobDir(repeated), dir).finally(() =>
      this.#repeated.delete(repeated),
    );
  }
}
