import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  AckedMessage,
  ActiveStatus,
  errorText,
  type Failure,
  Fence,
  failure,
  JobReport,
  JobSpec,
  STAGES,
} from "@splatt/shared";
import { z } from "zod";
import { writeFileAtomic } from "../files/write-file-atomic.ts";
import { StageRecord } from "../pipeline/stage-record.ts";
import { UploadRecord } from "../pipeline/upload-record.ts";
import { systemFailure } from "../processes/system-failure.ts";

const StageName = z.enum(STAGES);

/** job.json: all that an agent must know of a job to go on after it was killed at any moment. */
export const JobRecord = z.object({
  version: z.literal(1),
  fence: Fence,
  spec: JobSpec,
  /** `ended`: nothing more is to be done or reported; the folder is kept for a retry until room is needed. */
  state: z.enum(["running", "ended"]),
  updated_at: z.int(),
  /** When the job first came to this machine; older jobs go first where something is scarce. */
  accepted_at: z.int().default(0),
  /** The last sequence number used. */
  seq: z.int().nonnegative(),
  status: ActiveStatus,
  progress: z.int().min(0).max(99),
  message: z.string(),
  report: JobReport,
  stages: z.partialRecord(StageName, StageRecord),
  /** By file name. Uploads belong to an attempt; the next one starts its own. */
  uploads: z.record(z.string(), UploadRecord),
  /** Messages that the Dispatcher has not acked yet, in order. */
  outbox: z.array(AckedMessage),
});
export type JobRecord = z.infer<typeof JobRecord>;

const FILE = "job.json";

/** @param stages what the job inherits from the one that it repeats */
export function newJobRecord(
  fence: Fence,
  spec: JobSpec,
  now: number,
  stages: JobRecord["stages"] = {},
): JobRecord {
  return {
    version: 1,
    fence,
    spec,
    state: "running",
    updated_at: now,
    accepted_at: now,
    seq: 0,
    status: "downloading_video",
    progress: 0,
    message: "",
    report: { engine: null, capture: null, train: null, stages: [] },
    stages,
    uploads: {},
    outbox: [],
  };
}

/** The record of a job for a new attempt: finished stages stay, for they may be reused. */
export function nextAttempt(record: JobRecord, fence: Fence, spec: JobSpec, now: number): JobRecord {
  return { ...newJobRecord(fence, spec, now, record.stages), accepted_at: record.accepted_at };
}

/** @returns null when the folder holds no job record that can be read */
export async function loadJobRecord(dir: string): Promise<JobRecord | null> {
  const text = await readFile(join(dir, FILE), "utf8").catch(() => null);
  if (text === null) return null;
  try {
    return JobRecord.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * A job's record and its file, changed together: whoever reads the file sees an old or a new state, whole. The job's
 * folder must be there.
 *
 * A disk that takes nothing more does not end the job by itself: the record goes on in memory, and what was refused
 * is written with the next change.
 */
export class JobRecordFile {
  readonly #dir: string;
  #record: JobRecord;
  #saving: Promise<Failure | null> = Promise.resolve(null);
  #dirty = false;
  #refused: Failure | null = null;

  constructor(dir: string, record: JobRecord) {
    this.#dir = dir;
    this.#record = record;
  }

  get record(): JobRecord {
    return this.#record;
  }

  /** Whether the disk has refused the latest change. */
  get isUnsaved(): boolean {
    return this.#refused !== null;
  }

  /** Changes the record, and the file only with the next change: for what may be forgotten in a crash. */
  note(change: Partial<JobRecord>): void {
    this.#record = { ...this.#record, ...change, updated_at: Date.now() };
  }

  /**
   * Changes the record at once; changes made meanwhile share a write.
   *
   * @returns null when the change is on disk, else why the disk refused it
   */
  update(change: Partial<JobRecord>): Promise<Failure | null> {
    this.note(change);
    if (!this.#dirty) {
      this.#dirty = true;
      this.#saving = this.#saving.then(() => this.#save());
    }
    return this.#saving;
  }

  async #save(): Promise<Failure | null> {
    this.#dirty = false;
    this.#refused = await writeFileAtomic(join(this.#dir, FILE), JSON.stringify(this.#record)).then(
      () => null,
      (error: unknown) => systemFailure(error) ?? failure("internal_error", errorText(error)),
    );
    return this.#refused;
  }
}
