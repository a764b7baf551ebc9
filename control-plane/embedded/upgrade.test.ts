import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";

const MIGRATIONS = join(import.meta.dirname, "..", "migrations");
/** The last migration before keys, webhooks and shares. */
const BEFORE = "0004";
const JOBS = 3000;
const STATUSES = ["queued", "training", "completed", "failed", "cancelled"];

function migrations(wanted: (number: string) => boolean): string[] {
  return readdirSync(MIGRATIONS)
    .filter((name) => name.endsWith(".sql") && wanted(name.slice(0, 4)))
    .toSorted()
    .flatMap((name) => readFileSync(join(MIGRATIONS, name), "utf8").split("--> statement-breakpoint"));
}

it("upgrades a database full of jobs, and loses nothing", () => {
  const db = new DatabaseSync(":memory:");
  for (const statement of migrations((number) => number <= BEFORE)) db.exec(statement);
  db.exec(`
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${JOBS})
    INSERT INTO jobs (id, task_id, status, message, filename, upload_id, options, pool, priority, rank, attempt, lease_id,
                      created_at, updated_at, ended_at)
      SELECT 'job-' || i, 'task-' || i % 50, json_extract('${JSON.stringify(STATUSES)}', '$[' || (i % 5) || ']'), 'm', 'v.mp4',
             'upload-' || i, '{"engine":"auto"}', iif(i % 7 = 0, 'lab', 'default'), 0, i, i % 3,
             iif(i % 5 = 1, 'lease-' || i, NULL), i, i, iif(i % 5 > 1, i, NULL) FROM n;
    INSERT INTO uploads (id, filename, size, part_size, r2_key, r2_upload_id, etag, created_at, expires_at)
      SELECT 'upload-' || seq, 'v.mp4', 5, 5, 'k', 'u', 'e', seq, 9 FROM jobs;
    INSERT INTO results (job_id, filename, r2_key, etag, size, sha256, content_type)
      SELECT id, 'baked_splat.ply', 'k', 'e', 7, 'h', 'application/octet-stream' FROM jobs WHERE status = 'completed';
    INSERT INTO result_uploads (id, job_id, attempt, filename, size, part_size, r2_key, r2_upload_id, created_at)
      SELECT 'result-' || seq, id, attempt, 'baked_splat.ply', 7, 7, 'k', 'u', seq FROM jobs WHERE status = 'training';
    INSERT INTO agents (id, name, pool, token_hash, created_at) VALUES ('a', 'box', 'default', 'h', 1);
  `);
  const tables = ["jobs", "job_events", "job_counts", "results", "result_uploads", "uploads", "agents"];
  const columns = Object.fromEntries(
    tables.map((table) => [table, db.prepare(`SELECT name FROM pragma_table_xinfo('${table}')`).all()]),
  );
  const contents = () =>
    Object.fromEntries(
      tables.map((table) => {
        const names = columns[table]?.map(({ name }) => `"${name}"`).join(", ");
        return [table, db.prepare(`SELECT ${names} FROM ${table} ORDER BY 1, 2`).all()];
      }),
    );
  const before = contents();

  for (const statement of migrations((number) => number > BEFORE)) db.exec(statement);
  expect(contents()).toEqual(before);
  expect(db.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });

  // Every job still moves on, and ends.
  db.exec("UPDATE jobs SET status = 'cancelled', lease_id = NULL WHERE status IN ('queued', 'training')");
  db.exec("DELETE FROM jobs");
  expect(db.prepare("SELECT sum(jobs) AS jobs FROM job_counts").get()).toEqual({ jobs: 0 });
});
