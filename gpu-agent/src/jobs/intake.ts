import { mkdir } from "node:fs/promises";
import { err, type Failure, type Fence, type JobSpec, ok, type Result } from "@splatt/shared";
import { systemFailure } from "../processes/system-failure.ts";
import { inheritStages } from "./inherit.ts";
import { type JobRecord, JobRecordFile, loadJobRecord, newJobRecord, nextAttempt } from "./job-record.ts";
import type { Workspace } from "./workspace.ts";

/** Creates the folders of arriving jobs, and keeps track of the folders in use meanwhile. */
export class Intake {
  readonly #workspace: Workspace;
  readonly #arriving = new Set<string>();
  /** By the arriving job, the ended one whose stages it inherits. Several may inherit from one. */
  readonly #repeated = new Map<string, string>();

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  /** How many jobs are arriving. */
  get arriving(): number {
    return this.#arriving.size;
  }

  /** Whether the job's folder must not be removed. */
  uses(jobId: string): boolean {
    return this.#arriving.has(jobId) || [...this.#repeated.values()].includes(jobId);
  }

  /**
   * Creates a job's folder and record, with the stages that an earlier attempt, or the job that it retries, finished.
   *
   * @param adopt takes over the folder before the intake releases it
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
    const inherited = spec.retry_of === null ? {} : await this.#inherit(spec.retry_of, fence.job_id);
    return newJobRecord(fence, spec, Date.now(), inherited);
  }

  async #inherit(repeated: string, jobId: string): Promise<JobRecord["stages"]> {
    this.#repeated.set(jobId, repeated);
    return inheritStages(this.#workspace.jobDir(repeated), this.#workspace.jobDir(jobId)).finally(() =>
      this.#repeated.delete(jobId),
    );
  }
}
