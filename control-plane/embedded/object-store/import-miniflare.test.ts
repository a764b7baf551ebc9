import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DiskWatch } from "./disk-watch.ts";
import { importMiniflareBucket } from "./import-miniflare.ts";
import { blobsDir, ObjectStore } from "./object-store.ts";
import { textOf } from "./testing.ts";

/** Imports a bucket written by Miniflare into the object store. */

const PART_BYTES = 5 * 1024 * 1024;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-import-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function writeOldBucket() {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: "export default {}",
      cf: false,
      resourcePersistencePath: join(dir, "state"),
      r2Buckets: { BUCKET: "splatt" },
    }),
  );
  try {
    const bucket = await miniflare.getR2Bucket("BUCKET");
    const preview = await bucket.put("jobs/a/preview.webp", "preview");
    const parts = [randomBytes(PART_BYTES).toString("latin1"), "the last part"];
    const whole = await bucket.createMultipartUpload("uploads/b/source");
    const sent = [];
    for (const [index, part] of parts.entries())
      sent.push(await whole.uploadPart(index + 1, Buffer.from(part, "latin1")));
    const completed = await whole.complete(sent);
    const open = await bucket.createMultipartUpload("uploads/c/source");
    const openPart = await open.uploadPart(1, "half an upload");
    const aborted = await bucket.createMultipartUpload("uploads/d/source");
    await aborted.uploadPart(1, "nothing");
    await aborted.abort();
    // Miniflare's objects cannot be used after it stops.
    return {
      previewEtag: preview?.etag,
      parts,
      etag: completed.etag,
      open: { key: open.key, uploadId: open.uploadId, etag: openPart.etag },
    };
  } finally {
    await miniflare.dispose();
  }
}

it("imports objects and open uploads with their etags, and skips orphans", async () => {
  const old = await writeOldBucket();
  const r2Dir = join(dir, "state", "r2");
  await writeFile(join(r2Dir, "splatt", "blobs", "orphan"), "left by a connection that was cut");
  const storeDir = join(dir, "objects");

  expect(await importMiniflareBucket(r2Dir, "splatt", storeDir)).toBe(2);
  expect(existsSync(r2Dir)).toBe(false);
  expect(await readdir(blobsDir(storeDir))).toHaveLength(4);
  expect(await importMiniflareBucket(r2Dir, "splatt", storeDir)).toBe(null);

  const store = await ObjectStore.open(storeDir, new DiskWatch(storeDir, () => undefined));
  try {
    expect(await store.head("jobs/a/preview.webp")).toMatchObject({ etag: old.previewEtag, size: 7 });
    expect(await textOf(store, "jobs/a/preview.webp")).toBe("preview");
    expect(await store.head("uploads/b/source")).toMatchObject({ etag: old.etag });
    expect(await textOf(store, "uploads/b/source")).toBe(old.parts.join(""));
    const { key, uploadId, etag } = old.open;
    const completed = await store.completeUpload(key, uploadId, [{ partNumber: 1, etag }]);
    expect(completed).toMatchObject({ ok: true, object: { size: 14 } });
    expect(await store.removeOrphans()).toBe(0);
  } finally {
    await store.close();
  }
});

it("repeats an interrupted import", async () => {
  await writeOldBucket();
  const r2Dir = join(dir, "state", "r2");
  const storeDir = join(dir, "objects");
  // The import is complete except for the removal of the old folder.
  await cp(r2Dir, join(dir, "copy"), { recursive: true });
  await importMiniflareBucket(r2Dir, "splatt", storeDir);
  await cp(join(dir, "copy"), r2Dir, { recursive: true });
  expect(await importMiniflareBucket(r2Dir, "splatt", storeDir)).toBe(2);
});
