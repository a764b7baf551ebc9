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

/** job.json: everything an agent needs to resume a job after being killed at any moment. */
export const JobRecord = z.object({
  version: z.literal(1),
  fence: Fence,
  spec: JobSpec,
  /** `ended`: nothing is left to do or report; the folder is kept for a retry until its space is needed. */
  state: z.enum(["running", "ended"]),
  updated_at: z.int(),
  /** When this machine first accepted the job. Older jobs get scarce resources first. */
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

/** @param stages the stages inherited from the job that it retries */
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

/** A job's record for a new attempt, which keeps the finished stages for reuse. */
export function nextAttempt(record: JobRecord, fence: Fence, spec: JobSpec, now: number): JobRecord {
  return { ...newJobRecord(fence, spec, now, record.stages), accepted_at: record.accepted_at };
}

/** @returns null when the folder has no readable job record */
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
 * A job's record and its file. Each change replaces the file atomically. The job's folder must exist.
 *
 * A failed write does not end the job: the record stays current in memory, and the next change writes it.
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

  /** Whether the latest write failed. */
  get isUnsaved(): boolean {
    return this.#refused !== null;
  }

  /** Changes the record now and the file with the next update: for changes that a crash may lose. */
  note(change: Partial<JobRecord>): void {
    this.#record = { ...this.#record, ...change, updated_at: Date.now() };
  }

  /**
   * Changes the record and the file. Changes made during a write share the next one.
   *
   * @returns null when the change is on disk, else why the write failed
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
