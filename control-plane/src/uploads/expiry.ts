import {
  and,
  asc,
  eq,
  exists,
  gt,
  inArray,
  isNull,
  lte,
  notExists,
  or,
  type SQLWrapper,
  sql,
} from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { jobs, type UploadRow, uploads } from "../db/schema.ts";
import { usesUpload } from "./upload-users.ts";
import { deleteUpload, isPresent, UPLOAD_LIFETIME_MS } from "./uploads.ts";

/**
 * `uploads.expires_at` is when the purge next looks at an upload: for one that no job uses, the end of its lifetime;
 * for one in use, a time at which retention may be over. Each look sets the next, so a run reads only what is due then.
 */

/** How many uploads that are kept one run looks at; four million in a lifetime. */
const LOOKS_PER_RUN = 500;

interface Look {
  readonly now: number;
  /** How long a video stays after the end of its last job; null is for ever. */
  readonly inputMs: number | null;
}

/** The uploads to be removed now: nobody keeps them, or their removal was interrupted. */
export async function dueUploads(
  db: Database,
  { now, inputMs, limit }: Look & { readonly limit: number },
): Promise<UploadRow[]> {
  if (inputMs !== null) await lookSooner(db, now, inputMs);
  const keepers = keepersOf(db, uploads.id, { now, inputMs });
  const expired = lte(uploads.expiresAt, now);
  const kept = db
    .select({ id: uploads.id })
    .from(uploads)
    .where(and(expired, isPresent(), exists(keepers)))
    .orderBy(asc(uploads.expiresAt))
    .limit(LOOKS_PER_RUN);
  // An input is due this long after its last job ended; while one runs or is pinned, not before this long from now.
  const lastNeed = sql`(SELECT max(iif(ended_at IS NULL OR pinned, ${now}, ended_at)) FROM jobs WHERE ${usesUpload(uploads.id)})`;
  const next = inputMs === null ? now + UPLOAD_LIFETIME_MS : sql`${lastNeed} + ${inputMs}`;
  await withRetry(() => db.update(uploads).set({ expiresAt: next }).where(inArray(uploads.id, kept)));
  return db
    .select()
    .from(uploads)
    .where(and(expired, or(notExists(keepers), sql`NOT ${isPresent()}`)))
    .orderBy(asc(uploads.expiresAt))
    .limit(limit);
}

/** Removes an upload, unless a job has come to need it since it was found due. */
export async function removeUpload(
  db: Database,
  bucket: R2Bucket,
  upload: UploadRow,
  look: Look,
): Promise<boolean> {
  return deleteUpload(db, bucket, upload, null, keepersOf(db, upload.id, look));
}

/** The jobs that keep an upload: those that have not ended or are pinned, and those whose retention is not over. */
function keepersOf(db: Database, uploadId: string | SQLWrapper, { now, inputMs }: Look) {
  const uses = usesUpload(uploadId);
  const needs =
    inputMs === null
      ? undefined
      : or(isNull(jobs.endedAt), eq(jobs.pinned, true), gt(jobs.endedAt, now - inputMs));
  return db.select({ one: sql`1` }).from(jobs).where(and(uses, needs));
}

/** Where the next look at an upload in use is later than retention can allow, as after a shorter setting, it is now. */
async function lookSooner(db: Database, now: number, inputMs: number): Promise<void> {
  const users = db.select({ one: sql`1` }).from(jobs).where(usesUpload(uploads.id));
  const late = db
    .select({ id: uploads.id })
    .from(uploads)
    .where(and(gt(uploads.expiresAt, now + inputMs), exists(users)))
    .limit(LOOKS_PER_RUN);
  await withRetry(() => db.update(uploads).set({ expiresAt: now }).where(inArray(uploads.id, late)));
}
