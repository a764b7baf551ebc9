import { makeZip, predictLength } from "client-zip";
import type { JobRow, ResultRow } from "../db/schema.ts";
import { contentDisposition } from "../http/object-response.ts";
import { log } from "../log.ts";
import { archiveNames, downloadName } from "./download-name.ts";

/**
 * All result files of a job as a zip archive, uncompressed. It is written while it is sent: one object is open at a
 * time, and only what the client is about to read is in memory. Its length is known before, so a client notices when
 * it breaks off.
 */
export function archiveResponse(
  bucket: R2Bucket,
  job: JobRow,
  files: readonly ResultRow[],
  method: string,
): Response {
  const sorted = files.toSorted((a, b) => (a.filename < b.filename ? -1 : 1));
  const names = archiveNames(sorted.map(({ filename }) => filename));
  const named = sorted.map((file, index) => ({ ...file, name: names[index] ?? file.filename }));
  const length = predictLength(named);
  const headers = {
    "cache-control": "private, no-cache, no-transform",
    "content-disposition": contentDisposition(downloadName(job.taskId, "results.zip"), false),
    "content-length": String(length),
    "content-type": "application/zip",
  };
  if (method === "HEAD") return new Response(null, { headers });
  const lastModified = new Date(job.endedAt ?? job.updatedAt);
  // Ends with an error when an object has gone meanwhile: the client gets less than was announced.
  const { readable, writable } = new FixedLengthStream(length);
  void makeZip(entries(bucket, named, lastModified))
    .pipeTo(writable)
    .catch((error: unknown) => log("warn", "archive broke off", { job: job.id }, error));
  return new Response(readable, { headers });
}

async function* entries(
  bucket: R2Bucket,
  files: readonly (ResultRow & { readonly name: string })[],
  lastModified: Date,
) {
  for (const { name, r2Key, size } of files) {
    const object = await bucket.get(r2Key);
    if (object === null) throw new Error(`${name} has gone`);
    yield { name, size, lastModified, input: object.body };
  }
}
