import { LOG_FILE } from "@splatt/shared";
import { and, eq } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { results } from "../db/schema.ts";
import { type NumberedLines, readLines } from "./log-lines.ts";

/** Lines of the log that a completed job stored. @returns null when it has none */
export async function storedLines(
  db: Database,
  bucket: R2Bucket,
  jobId: string,
  next: number,
  limits: { readonly lines: number; readonly chars: number },
): Promise<NumberedLines | null> {
  const [file] = await db
    .select({ key: results.r2Key })
    .from(results)
    .where(and(eq(results.jobId, jobId), eq(results.filename, LOG_FILE)));
  const object = file === undefined ? null : await bucket.get(file.key);
  return object === null ? null : readLines(object.body, next, limits);
}
