import { link, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ObjectIndex, type ObjectToAdd, type StoredPart } from "./object-index.ts";
import { blobsDir, indexPath } from "./object-store.ts";

/** Miniflare's state of an open multipart upload. */
const IN_PROGRESS = 0;

interface MiniflareObject {
  readonly key: string;
  /** Null for an object made of parts. */
  readonly blob_id: string | null;
  readonly size: number;
  readonly etag: string;
  readonly uploaded: number;
}

interface MiniflarePart {
  readonly upload_id: string;
  readonly part_number: number;
  readonly blob_id: string;
  readonly size: number;
  readonly etag: string;
  readonly object_key: string | null;
}

/**
 * Imports the Miniflare R2 bucket of versions before the control plane had its own object store. Files are linked, not
 * copied, and the old folder is removed last, so the next start repeats an interrupted import. Orphans of the old
 * bucket are removed with its folder.
 *
 * @param r2Dir Miniflare's folder for R2
 * @param bucket the bucket's name
 * @returns the number of imported objects, or null when there is nothing to import
 */
export async function importMiniflareBucket(
  r2Dir: string,
  bucket: string,
  storeDir: string,
): Promise<number | null> {
  const metadata = await metadataFile(r2Dir);
  if (metadata === null) return null;
  const { objects, uploads } = readBucket(metadata);
  await mkdir(blobsDir(storeDir), { recursive: true, mode: 0o700 });
  const blobs = [...objects.flatMap((object) => object.blobs), ...uploads.flatMap((upload) => upload.parts)];
  for (const { blob } of blobs) {
    await link(join(r2Dir, bucket, "blobs", blob), join(blobsDir(storeDir), blob)).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    });
  }
  const index = new ObjectIndex(indexPath(storeDir));
  try {
    index.adopt(objects, uploads);
  } finally {
    index.close();
  }
  await rm(r2Dir, { recursive: true });
  return objects.length;
}

async function metadataFile(r2Dir: string): Promise<string | null> {
  const dir = join(r2Dir, "miniflare-R2BucketObject");
  const names = await readdir(dir).catch(() => []);
  const name = names.find((file) => file.endsWith(".sqlite") && file !== "metadata.sqlite");
  return name === undefined ? null : join(dir, name);
}

function readBucket(path: string) {
  // Not read-only: after a killed runtime, SQLite must first apply the journal.
  const db = new DatabaseSync(path);
  try {
    const rows = db.prepare("SELECT key, blob_id, size, etag, uploaded FROM _mf_objects").all();
    const parts = db.prepare("SELECT * FROM _mf_multipart_parts ORDER BY part_number").all();
    const open = db
      .prepare("SELECT upload_id, key FROM _mf_multipart_uploads WHERE state = ?")
      .all(IN_PROGRESS);
    const partRows = parts as unknown as MiniflarePart[];
    const byObject = Map.groupBy(partRows, ({ object_key }) => object_key);
    const byUpload = Map.groupBy(partRows, ({ upload_id }) => upload_id);
    return {
      objects: (rows as unknown as MiniflareObject[]).map(
        ({ key, blob_id, size, etag, uploaded }): ObjectToAdd => ({
          key,
          size,
          etag,
          uploadedAt: uploaded,
          blobs: blob_id === null ? (byObject.get(key) ?? []).map(toPart) : [{ blob: blob_id, size }],
        }),
      ),
      uploads: (open as unknown as { upload_id: string; key: string }[]).map(({ upload_id, key }) => ({
        id: upload_id,
        key,
        // Miniflare does not record it, so the upload's lifetime restarts.
        createdAt: Date.now(),
        parts: (byUpload.get(upload_id) ?? []).map(toPart),
      })),
    };
  } finally {
    db.close();
  }
}

function toPart({ part_number, blob_id, size, etag }: MiniflarePart): StoredPart {
  return { number: part_number, blob: blob_id, size, etag };
}
