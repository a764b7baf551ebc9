import { type CreateShare, type ListSharesQuery, MAX_SHARES_PER_JOB } from "@splatt/shared";
import { and, asc, eq, gt, inArray, isNull, lte, or, type SQL, sql } from "drizzle-orm";
import type { z } from "zod";
import { auditIf } from "../audit/audit.ts";
import { type Database, withRetry } from "../db/database.ts";
import { afterCursor, cursorAfter, newestFirst } from "../db/newest-first.ts";
import { type JobRow, jobs, type ResultRow, type ShareRow, shares } from "../db/schema.ts";
import { newSecret, sha256Hex } from "../http/credentials.ts";
import { ApiError } from "../http/problem.ts";
import type { Creation } from "../idempotency/creation.ts";
import type { Principal } from "../keys/principal.ts";
import { reachesJob } from "../keys/reach.ts";
import { filesOf } from "../results/result-files.ts";
import { type SharedFiles, sharedFiles } from "./shared-files.ts";

/** What somebody with a share's link may see. */
export interface OpenShare extends SharedFiles<ResultRow> {
  readonly share: ShareRow;
  readonly job: JobRow;
}

/** @throws ApiError 409 or 410 when the job has nothing to share */
export async function planShare(
  db: Database,
  job: JobRow,
  { title, expires_in, allow_download }: CreateShare,
  createdBy: string | null,
): Promise<{ share: ShareRow; token: string }> {
  if (job.status !== "completed") throw new ApiError("job_not_completed", `The job is ${job.status}.`);
  if (job.resultsPurgedAt !== null) throw new ApiError("results_purged");
  if (sharedFiles(await filesOf(db, job), allow_download) === null) throw new ApiError("nothing_to_share");
  const now = Date.now();
  const token = newSecret();
  const share: ShareRow = {
    id: crypto.randomUUID(),
    jobId: job.id,
    tokenHash: await sha256Hex(token),
    title,
    allowDownload: allow_download,
    createdAt: now,
    createdBy,
    expiresAt: expires_in === null ? null : now + expires_in * 1000,
  };
  return { share, token };
}

/** @throws ApiError 404, 409 or 410 when the job was deleted meanwhile, has too many shares, or nothing to share */
export async function createShare(
  db: Database,
  principal: Principal,
  creation: Creation,
  share: ShareRow,
  answer: Response,
): Promise<Response> {
  const { id, jobId, tokenHash, title, allowDownload, createdAt, createdBy, expiresAt } = share;
  // In one statement: many requests at once do not pass the limit, and a deleted job gets no share.
  const insert = db
    .insert(shares)
    .select(
      sql`SELECT ${id}, id, ${tokenHash}, ${title}, ${allowDownload ? 1 : 0}, ${createdAt}, ${createdBy}, ${expiresAt}
          FROM jobs
          WHERE id = ${jobId} AND results_purged_at IS NULL
            AND (SELECT count(*) FROM shares WHERE job_id = ${jobId} AND (expires_at IS NULL OR expires_at > ${createdAt}))
                < ${MAX_SHARES_PER_JOB}`,
    )
    .onConflictDoNothing();
  const created = sql`SELECT 1 FROM shares WHERE id = ${id}`;
  const record = auditIf(db, principal, "share.created", id, sql`EXISTS (${created})`, {
    job_id: jobId,
    title,
  });
  try {
    const committed = await creation.commit([insert, record], answer, created);
    if (!committed.isNew) return committed.answer;
  } catch (error) {
    if (!(error instanceof ApiError)) await requireShareable(db, jobId);
    throw error;
  }
  const stored = await db.select({ id: shares.id }).from(shares).where(eq(shares.id, id));
  if (stored.length > 0) return answer;
  await requireShareable(db, jobId);
  throw new ApiError("too_many_shares");
}

async function requireShareable(db: Database, jobId: string): Promise<void> {
  const [left] = await db.select({ purgedAt: jobs.resultsPurgedAt }).from(jobs).where(eq(jobs.id, jobId));
  if (left === undefined) throw new ApiError("job_not_found");
  if (left.purgedAt !== null) throw new ApiError("results_purged");
  const open = await sharesOf(db, jobId, Date.now());
  if (open.length >= MAX_SHARES_PER_JOB) throw new ApiError("too_many_shares");
}

/** A job's shares that have not expired. */
export async function sharesOf(db: Database, jobId: string, now: number): Promise<ShareRow[]> {
  return db
    .select()
    .from(shares)
    .where(and(eq(shares.jobId, jobId), isOpen(now)))
    .orderBy(asc(shares.createdAt), asc(shares.id));
}

/**
 * What a link shows. A share that was revoked or has expired, and one of a job that was deleted or has nothing to show,
 * are as if they had never been.
 */
export async function findShare(db: Database, token: string, now: number): Promise<OpenShare | null> {
  const [found] = await db
    .select({ share: shares, job: jobs })
    .from(shares)
    .innerJoin(jobs, eq(jobs.id, shares.jobId))
    .where(
      and(
        eq(shares.tokenHash, await sha256Hex(token)),
        isOpen(now),
        eq(jobs.status, "completed"),
        isNull(jobs.resultsPurgedAt),
      ),
    );
  if (found === undefined) return null;
  const shared = sharedFiles(await filesOf(db, found.job), found.share.allowDownload);
  return shared === null ? null : { ...found, ...shared };
}

/** How many shares a page looks at, for a key that does not see all of them. */
const MOST_EXAMINED = 1000;

interface ListedShare {
  readonly share: ShareRow;
  readonly taskId: string;
}

/** A page of the shares that have not expired, of jobs that exist for the key, newest first. */
export async function listShares(
  db: Database,
  reach: Pick<Principal, "pool" | "labels">,
  { limit, cursor }: z.infer<typeof ListSharesQuery>,
  now: number,
): Promise<{ page: ListedShare[]; nextCursor: string | null }> {
  const seesAll = reach.pool === null && Object.keys(reach.labels ?? {}).length === 0;
  // One more than asked for tells whether there is a next page.
  const most = seesAll ? limit + 1 : MOST_EXAMINED;
  const examined = await db
    .select({ share: shares, taskId: jobs.taskId, pool: jobs.pool, labels: jobs.labels })
    .from(shares)
    .innerJoin(jobs, eq(jobs.id, shares.jobId))
    .where(and(isOpen(now), afterCursor(shares, cursor)))
    .orderBy(...newestFirst(shares))
    .limit(most);
  const visible = examined.filter((job) => reachesJob(reach, job));
  const page = visible.slice(0, limit);
  const last = visible.length > limit ? page.at(-1) : examined.length === most ? examined.at(-1) : undefined;
  return { page, nextCursor: last === undefined ? null : cursorAfter(last.share) };
}

export async function revokeShare(
  db: Database,
  principal: Principal,
  { id, jobId }: ShareRow,
): Promise<void> {
  const stored = sql`EXISTS (SELECT 1 FROM shares WHERE id = ${id})`;
  await withRetry(() =>
    db.batch([
      auditIf(db, principal, "share.deleted", id, stored, { job_id: jobId }),
      db.delete(shares).where(eq(shares.id, id)),
    ]),
  );
}

/** Removes shares that have expired, at most `limit`. */
export async function deleteExpiredShares(db: Database, now: number, limit: number): Promise<void> {
  const expired = db
    .select({ id: shares.id })
    .from(shares)
    .where(lte(shares.expiresAt, now))
    .orderBy(asc(shares.expiresAt))
    .limit(limit);
  await withRetry(() => db.delete(shares).where(inArray(shares.id, expired)));
}

function isOpen(now: number): SQL | undefined {
  return or(isNull(shares.expiresAt), gt(shares.expiresAt, now));
}
