import type { JobStatus } from "@splatt/shared";
import type { SqliteFile } from "../fakes/d1.ts";

/** The part of a job that the invariants read. */
export interface ObservedJob {
  readonly id: string;
  readonly task_id: string;
  readonly status: JobStatus;
  readonly progress: number;
  readonly message: string;
  readonly attempt: number;
  readonly lease_id: string | null;
  readonly agent_id: string | null;
  readonly last_seq: number;
  readonly failures: number;
  readonly lost_leases: number;
  readonly pool: string;
  readonly error_code: string | null;
  readonly version: number;
  readonly api_key_id: string | null;
  readonly upload_id: string | null;
  /** A JSON array. */
  readonly upload_ids: string | null;
  readonly pinned: 0 | 1;
  readonly ended_at: number | null;
  readonly input_purged_at: number | null;
  readonly results_purged_at: number | null;
}

/** A snapshot of D1, read directly and not through its fake binding. */
export interface Observation {
  readonly jobs: ReadonlyMap<string, ObservedJob>;
  readonly counts: ReadonlyMap<string, number>;
}

export const NOTHING_YET: Observation = { jobs: new Map(), counts: new Map() };

const JOBS = `SELECT id, task_id, status, progress, message, attempt, lease_id, agent_id, last_seq, failures, lost_leases,
              pool, error_code, version, api_key_id, upload_id, upload_ids, pinned, ended_at, input_purged_at,
              results_purged_at
              FROM jobs ORDER BY seq`;

export function observe(d1: SqliteFile): Observation {
  const jobs = d1.rows(JOBS) as unknown as ObservedJob[];
  const [row] = d1.rows("SELECT json_group_object(status, jobs) AS counts FROM job_counts");
  const counts = JSON.parse(String(row?.counts)) as Record<string, number>;
  return {
    jobs: new Map(jobs.map((job) => [job.id, job])),
    counts: new Map(Object.entries(counts)),
  };
}
