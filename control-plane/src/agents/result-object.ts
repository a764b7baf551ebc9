import { and, eq } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { results, resultUploads } from "../db/schema.ts";

export type ResultUploadRow = typeof resultUploads.$inferSelect;

/**
 * Notes that the object of an upload is whole in storage. A request that took its time may find the job ended: its
 * uploads were dropped then, and an object that came after that is dropped here, unless it is one of the results,
 * which another request for the same upload had noted in time.
 *
 * @returns false when the job has ended
 */
export async function noteObject(
  db: Database,
  bucket: R2Bucket,
  { id, jobId, r2Key }: Pick<ResultUploadRow, "id" | "jobId" | "r2Key">,
  etag: string,
): Promise<boolean> {
  const noted = await withRetry(() =>
    db
      .update(resultUploads)
      .set({ etag })
      .where(eq(resultUploads.id, id))
      .returning({ id: resultUploads.id }),
  );
  if (noted.length > 0) return true;
  const [won] = await db
    .select({ r2Key: results.r2Key })
    .from(results)
    .where(and(eq(results.jobId, jobId), eq(results.r2Key, r2Key)));
  if (won === undefined) await bucket.delete(r2Key);
  return false;
}
