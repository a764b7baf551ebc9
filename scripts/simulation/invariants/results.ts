import { createHash } from "node:crypto";
import { RESULT_FILES } from "@splatt/shared";
import { runOf } from "../actors/stages.ts";
import type { SqliteFile } from "../fakes/d1.ts";
import type { SimR2 } from "../fakes/r2.ts";
import type { Finding } from "./jobs.ts";
import type { Observation } from "./observation.ts";

interface ResultRow {
  readonly job_id: string;
  readonly filename: string;
  readonly r2_key: string;
  readonly etag: string;
  readonly size: number;
  readonly sha256: string;
}

/**
 * A completed job has all its files, whole and from one run of one attempt, until retention removes them; no other job
 * has any.
 */
export function completedJobsHaveTheirFiles({ jobs }: Observation, d1: SqliteFile, r2: SimR2): Finding {
  const rows = d1.rows("SELECT * FROM results") as unknown as ResultRow[];
  const byJob = Map.groupBy(rows, ({ job_id }) => job_id);
  for (const [id, files] of byJob) {
    const job = jobs.get(id);
    if (job?.status !== "completed") return `job ${id.slice(0, 8)} has results but is not completed`;
    if (job.results_purged_at !== null) return `job ${id.slice(0, 8)} promises results that were removed`;
    for (const file of files) {
      const finding = fileIsWhole(file, r2);
      if (finding !== null) return `job ${id.slice(0, 8)}: ${file.filename} ${finding}`;
    }
  }
  for (const { id, attempt, status, results_purged_at } of jobs.values()) {
    if (status !== "completed" || results_purged_at !== null) continue;
    const files = byJob.get(id) ?? [];
    const missing = RESULT_FILES.filter((name) => !files.some(({ filename }) => filename === name));
    if (missing.length > 0) return `job ${id.slice(0, 8)} is completed without ${missing.join(", ")}`;
    const prefix = `jobs/${id}/${attempt}/`;
    const stray = files.find(({ r2_key }) => !r2_key.startsWith(prefix));
    if (stray !== undefined) return `job ${id.slice(0, 8)}: ${stray.r2_key} is not of attempt ${attempt}`;
    const runs = new Set(files.map(({ r2_key }) => runOf(r2.objects.get(r2_key)?.bytes ?? Buffer.alloc(0))));
    if (runs.size > 1) return `job ${id.slice(0, 8)}: its files come from ${runs.size} runs`;
  }
  return null;
}

function fileIsWhole({ r2_key, etag, size, sha256 }: ResultRow, r2: SimR2): Finding {
  const object = r2.objects.get(r2_key);
  if (object === undefined) return "is not in storage";
  if (object.etag !== etag) return "is another object than the one that won";
  if (object.bytes.length !== size) return `has ${object.bytes.length} bytes, not ${size}`;
  const found = createHash("sha256").update(object.bytes).digest("hex");
  return found === sha256 ? null : "is damaged";
}

/** What a key's limit of stored bytes counts is what is stored for it. */
export function storedBytesAreCounted({ jobs }: Observation, d1: SqliteFile): Finding {
  const [ofKey] = [...jobs.values()].filter(({ api_key_id }) => api_key_id !== null);
  if (ofKey === undefined) return null;
  const [key] = d1.rows(
    `SELECT bytes_stored AS counted, (
       SELECT coalesce(sum(size), 0) FROM results JOIN jobs ON jobs.id = job_id WHERE api_key_id = api_keys.id
     ) AS stored FROM api_keys`,
  );
  if (key === undefined || key.counted === key.stored) return null;
  return `${String(key.counted)} bytes are counted, ${String(key.stored)} are stored`;
}
