/**
 * Inserts `count` jobs, and all that belongs to them, by SQL. Half of the jobs wait in `pool` for an engine that no
 * agent offers, and say so; the others are completed and pinned, half of these in that pool.
 */
export async function seedRows(db: D1Database, pool: string, count: number): Promise<void> {
  const waits = `Waiting: no connected agent of pool "${pool}" can run the engine "brush".`;
  const now = Date.now();
  await db.batch(
    INSERTS.map((insert) =>
      db
        .prepare(
          `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < CAST(?1 AS INTEGER)),
           given (pool, waits, now, past) AS (SELECT ?2, ?3, CAST(?4 AS INTEGER), CAST(?4 AS INTEGER) - 90000000)
           ${insert}`,
        )
        .bind(count, pool, waits, now),
    ),
  );
}

function id(kind: number): string {
  return `printf('0000000${kind}-0000-4000-8000-%012d', n)`;
}

const INSERTS = [
  `INSERT INTO jobs (id, task_id, status, message, filename, upload_id, options, pool, priority, rank, created_at,
     updated_at, ended_at, labels, pinned)
   SELECT ${id(1)}, 't', iif(n % 2, 'queued', 'completed'), waits, 'v.mp4', ${id(2)}, '{"engine":"brush"}',
     iif(n % 4, pool, 'default'), 0, past + n, past + n, past + n, iif(n % 2, NULL, past), '{"c":"d"}', 1
   FROM numbers, given`,
  `INSERT INTO uploads (id, filename, size, part_size, r2_key, r2_upload_id, etag, created_at, expires_at)
   SELECT ${id(2)}, 'v.mp4', 9, 9, 'x', 'x', iif(n % 2, NULL, 'x'), past + n, now + 500000000 FROM numbers, given`,
  `INSERT INTO upload_parts (upload_id, part_number, etag) SELECT ${id(2)}, 1, 'x' FROM numbers`,
  `INSERT INTO results (job_id, filename, r2_key, etag, size, sha256, content_type)
   SELECT ${id(1)}, 'a.ply', 'x', 'x', 9, 'x', 'x' FROM numbers WHERE n % 2 = 0`,
  `INSERT INTO shares (id, job_id, token_hash, allow_download, created_at, expires_at)
   SELECT ${id(3)}, ${id(1)}, ${id(3)}, 1, past + n, now + 90000000 FROM numbers, given`,
  `INSERT INTO webhook_deliveries (subject, sequence, receiver, event, created_at, next_attempt_at)
   SELECT ${id(1)}, 1, '00000000-0000-8000-8000-00000000000' || (n % 3), 'job.completed', now, iif(n % 50, NULL, now + 90000000)
   FROM numbers, given`,
  // A receiver for each job, as a client may name them: a quarter has something to get.
  `INSERT INTO webhook_deliveries (subject, sequence, receiver, event, created_at, next_attempt_at)
   SELECT ${id(1)}, 2, '0000000' || (n % 10) || printf('-0000-8000-8000-%012d', n), 'job.completed', now,
     iif(n % 4, NULL, now + 90000000) FROM numbers, given`,
  `INSERT INTO sessions (id_hash, key_hash, created_at, expires_at)
   SELECT ${id(6)}, ${id(6)}, now, now + 90000000 FROM numbers, given`,
  `INSERT INTO idempotency_keys (id, fingerprint, answer, created_at) SELECT ${id(4)}, 'x', 'x', now FROM numbers, given`,
  `INSERT INTO audit_events (at, action, subject) SELECT now, 'job.created', ${id(1)} FROM numbers, given`,
  `INSERT INTO tombstones (job_id, deleted_at, purge_at) SELECT ${id(5)}, now, now + 90000000 FROM numbers, given`,
];
