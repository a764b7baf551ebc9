import { createHash, randomBytes, randomUUID } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * Inserts jobs by SQL into the database of a stopped embedded control plane: one in ten is queued in the default pool
 * for the engine `builtin`, one in fifty has failed, the others are completed with results. A hundredth is in the pool
 * `lab`, with the label `rare=yes`; all have the labels `batch=` and one of ten numbers, and `floor=` and one of three;
 * ten jobs share a `task_id`. The triggers that count jobs, and write their history and labels, fire as usual.
 *
 * @param from the number of existing jobs
 */
export async function seedJobs(dataDir: string, from: number, to: number): Promise<void> {
  const db = new DatabaseSync(await databaseFile(dataDir));
  try {
    // Millions of rows in ten indexes: with SQLite's usual 2 MB in memory, each row would read and write pages.
    db.exec("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000");
    const insertJobs = db.prepare(INSERT_JOBS);
    const insertResults = db.prepare(INSERT_RESULTS);
    for (let after = from; after < to; after += JOBS_AT_ONCE) {
      const until = Math.min(to, after + JOBS_AT_ONCE);
      insertJobs.run(after + 1, until);
      insertResults.run(after + 1, until);
      // In one piece, the log would grow as large as the database.
      db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    }
  } finally {
    db.close();
  }
}

const JOBS_AT_ONCE = 250_000;

/** The n-th seeded job was created n seconds after this. */
export const SEEDED_SINCE = 1_700_000_000_000;

/** The id of the n-th seeded job, from 1. */
export function seededId(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

const INSERT_JOBS = `
  WITH RECURSIVE numbers (n) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
  INSERT INTO jobs (id, task_id, status, message, filename, source_url, options, pool, priority, rank, created_at,
    updated_at, attempt, agent_id, progress, labels)
  SELECT printf('00000000-0000-4000-8000-%012d', n), 'seeded-' || (n / 10),
    CASE WHEN n % 10 = 0 THEN 'queued' WHEN n % 50 = 1 THEN 'failed' ELSE 'completed' END,
    'seeded', 'v.mp4', 'https://example.com/v.mp4',
    '{"iterations":5000,"fps":4,"start_sec":0,"end_sec":null,"engine":"builtin","preset":"standard","max_splats":null,"max_resolution":null}',
    iif(n % 100 = 7, 'lab', 'default'), 0, 1700000000000 + n, ${SEEDED_SINCE} + 1000 * n, ${SEEDED_SINCE} + 1000 * n,
    n % 10 > 0, NULL, 0,
    json_patch(
      json_object('batch', (n / 7 % 10) || '', 'floor', (n % 3) || ''),
      iif(n % 100 = 7, '{"rare":"yes"}', '{}')
    )
  FROM numbers`;

const INSERT_RESULTS = `
  INSERT INTO results (job_id, filename, r2_key, etag, size, sha256, content_type)
  SELECT jobs.id, files.value, 'jobs/' || jobs.id || '/' || files.value, 'etag', 1000, 'sha256', 'application/octet-stream'
  FROM jobs, json_each('["transforms.json", "baked_splat.ply", "baked_splat_sh.ply"]') AS files
  WHERE jobs.seq BETWEEN ?1 AND ?2 AND jobs.status = 'completed'`;

/** Inserts agents. @returns their tokens, as `newAgentToken` makes them, which needs the Worker's runtime */
export async function seedAgents(dataDir: string, pool: string, count: number): Promise<string[]> {
  const db = new DatabaseSync(await databaseFile(dataDir));
  try {
    const insert = db.prepare(
      "INSERT INTO agents (id, name, pool, token_hash, created_at) VALUES (?, ?, ?, ?, ?)",
    );
    const tokens: string[] = [];
    db.exec("BEGIN");
    for (let i = 0; i < count; i++) {
      const id = randomUUID();
      const token = `splatt_agent_${id}.${randomBytes(32).toString("base64url")}`;
      insert.run(id, `${pool}-${i}`, pool, createHash("sha256").update(token).digest("hex"), SEEDED_SINCE);
      tokens.push(token);
    }
    db.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    return tokens;
  } finally {
    db.close();
  }
}

/** How many jobs of a pool there are, by status, and how many of them needed more than one attempt. */
export async function jobsOf(dataDir: string, pool: string): Promise<string> {
  const db = new DatabaseSync(await databaseFile(dataDir));
  try {
    const rows = db
      .prepare(
        "SELECT status, count(*) AS jobs, sum(attempt > 1) AS again FROM jobs WHERE pool = ? GROUP BY status",
      )
      .all(pool);
    return rows
      .map(({ status, jobs, again }) => `${jobs} ${status} (${again} after more attempts)`)
      .join(", ");
  } finally {
    db.close();
  }
}

export async function databaseBytes(dataDir: string): Promise<number> {
  return (await stat(await databaseFile(dataDir))).size;
}

/** Miniflare names the file after a hash; the other SQLite file is Miniflare's metadata. */
async function databaseFile(dataDir: string): Promise<string> {
  const names = await readdir(join(dataDir, "state"), { recursive: true });
  const file = names.find((name) => /\bd1\b.*\.sqlite$/.test(name) && !name.endsWith("metadata.sqlite"));
  if (file === undefined) throw new Error(`no database found in ${dataDir}`);
  return join(dataDir, "state", file);
}
