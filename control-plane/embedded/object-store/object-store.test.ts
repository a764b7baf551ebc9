import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BodyError } from "./blob-file.ts";
import { DiskWatch } from "./disk-watch.ts";
import { blobsDir, ObjectStore, segmentsOf } from "./object-store.ts";
import { bodyOf, textOf } from "./testing.ts";

const KEY = "uploads/a/source";
const DAY_MS = 24 * 3600 * 1000;

let dir: string;
let store: ObjectStore;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-store-"));
  store = await ObjectStore.open(dir, new DiskWatch(dir, () => undefined));
});
afterEach(async () => {
  vi.useRealTimers();
  await store.close();
  await rm(dir, { recursive: true, force: true });
});

const blobs = () => readdir(blobsDir(dir));
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

async function openUpload(key = KEY): Promise<string> {
  const created = await store.createUpload(key);
  if (!created.ok) throw new Error(created.failure);
  return created.uploadId;
}

async function send(uploadId: string, number: number, text: string, claimed: string | null = null) {
  return store.receivePart({ key: KEY, uploadId, number, size: text.length, sha256: claimed }, bodyOf(text));
}

async function etagOf(part: ReturnType<typeof send>): Promise<string> {
  const received = await part;
  if (!received.ok) throw new Error(received.failure);
  return received.etag;
}

describe("an object from a client", () => {
  const receive = (text: string, { size = text.length, hash = sha256(text) } = {}) =>
    store.receiveObject({ key: KEY, size, sha256: hash }, bodyOf(text));

  it("is stored, and again under the same etag", async () => {
    expect(await receive("hello")).toEqual({ ok: true });
    const stored = await store.head(KEY);
    expect(await receive("hello")).toEqual({ ok: true });
    expect(await store.head(KEY)).toMatchObject({ size: 5, etag: stored?.etag });
    expect(await textOf(store, KEY)).toBe("hello");
    expect(await blobs()).toHaveLength(1);
  });

  it("that is damaged or incomplete leaves what was there", async () => {
    await receive("good");
    expect(await receive("evil", { hash: sha256("good") })).toEqual({
      ok: false,
      failure: "checksum_mismatch",
    });
    expect(await receive("goo", { size: 4 })).toEqual({ ok: false, failure: "body_incomplete" });
    expect(await textOf(store, KEY)).toBe("good");
    expect(await blobs()).toHaveLength(1);
  });
});

describe("an upload", () => {
  it("is completed while its parts are sent again and again", async () => {
    for (let round = 0; round < 20; round += 1) {
      const uploadId = await openUpload();
      const etags = [await etagOf(send(uploadId, 1, "one")), await etagOf(send(uploadId, 2, "two"))];
      const parts = etags.map((etag, index) => ({ partNumber: index + 1, etag }));
      const [completed] = await Promise.all([
        store.completeUpload(KEY, uploadId, parts),
        ...Array.from({ length: 3 }, () => [send(uploadId, 2, "two"), send(uploadId, 1, "one")]).flat(),
      ]);
      expect(completed).toMatchObject({ ok: true });
      expect(await textOf(store, KEY)).toBe("onetwo");
    }
    expect(await blobs()).toHaveLength(2);
  });

  it("is not completed with a part that is replaced meanwhile", async () => {
    const uploadId = await openUpload();
    const etag = await etagOf(send(uploadId, 1, "first"));
    const completing = store.completeUpload(KEY, uploadId, [{ partNumber: 1, etag }]);
    const replacing = send(uploadId, 1, "again");
    const [completed, replaced] = await Promise.all([completing, replacing]);
    expect([completed.ok, replaced.ok].filter(Boolean)).not.toEqual([]);
    if (completed.ok) expect(await textOf(store, KEY)).toBe("first");
    else expect(completed).toEqual({ ok: false, failure: "invalid_part" });
  });

  it("becomes one object of its parts, in the given order", async () => {
    const uploadId = await openUpload();
    const second = await etagOf(send(uploadId, 2, "world"));
    const first = await etagOf(send(uploadId, 1, "hello "));
    const parts = [
      { partNumber: 1, etag: first },
      { partNumber: 2, etag: second },
    ];
    expect(await store.completeUpload(KEY, uploadId, parts)).toMatchObject({
      ok: true,
      object: { size: 11 },
    });
    expect(await textOf(store, KEY)).toBe("hello world");
    expect(await textOf(store, KEY, { offset: 4, length: 4 })).toBe("o wo");
    expect(await store.completeUpload(KEY, uploadId, parts)).toEqual({
      ok: false,
      failure: "no_such_upload",
    });
  });

  it("keeps a good part when the same part arrives damaged or incomplete", async () => {
    const uploadId = await openUpload();
    const etag = await etagOf(send(uploadId, 1, "good", sha256("good")));
    expect(await send(uploadId, 1, "evil", sha256("good"))).toEqual({
      ok: false,
      failure: "checksum_mismatch",
    });
    const short = { key: KEY, uploadId, number: 1, size: 4, sha256: null };
    expect(await store.receivePart(short, bodyOf("goo"))).toEqual({ ok: false, failure: "body_incomplete" });
    expect(await blobs()).toHaveLength(1);
    await store.completeUpload(KEY, uploadId, [{ partNumber: 1, etag }]);
    expect(await textOf(store, KEY)).toBe("good");
  });

  it("replaces a part, refuses an unknown one, and deletes unused ones", async () => {
    const uploadId = await openUpload();
    await send(uploadId, 1, "old");
    const etag = await etagOf(send(uploadId, 1, "new"));
    await send(uploadId, 2, "unused");
    const unknown = [{ partNumber: 1, etag: "another" }];
    expect(await store.completeUpload(KEY, uploadId, unknown)).toEqual({
      ok: false,
      failure: "invalid_part",
    });
    await store.completeUpload(KEY, uploadId, [{ partNumber: 1, etag }]);
    expect(await textOf(store, KEY)).toBe("new");
    expect(await blobs()).toHaveLength(1);
  });

  it("leaves nothing behind when a body is cut off or the upload is aborted during a part", async () => {
    const uploadId = await openUpload();
    async function* broken() {
      yield Buffer.from("half");
      throw new BodyError("body_incomplete");
    }
    const part = { key: KEY, uploadId, number: 1, size: 8, sha256: null };
    expect(await store.receivePart(part, broken())).toEqual({ ok: false, failure: "body_incomplete" });
    async function* aborting() {
      yield Buffer.from("half");
      await store.abortUpload(KEY, uploadId);
      yield Buffer.from("half");
    }
    expect(await store.receivePart(part, aborting())).toEqual({ ok: false, failure: "no_such_upload" });
    expect(await blobs()).toEqual([]);
  });
});

describe("unreferenced files", () => {
  it("are removed, except those being written or read", async () => {
    await store.put("jobs/a/preview.webp", bodyOf("preview"));
    await writeFile(join(blobsDir(dir), "orphan"), "left by a crash");
    const uploadId = await openUpload();
    async function* slow() {
      yield Buffer.from("half");
      expect(await store.removeOrphans()).toBe(1);
      yield Buffer.from("half");
    }
    const part = { key: KEY, uploadId, number: 1, size: 8, sha256: null };
    expect(await store.receivePart(part, slow())).toMatchObject({ ok: true });
    const read = await store.read("jobs/a/preview.webp", null);
    await store.delete(["jobs/a/preview.webp"]);
    expect(await store.removeOrphans()).toBe(0);
    expect(await blobs()).toHaveLength(2);
    read?.release();
    await expect.poll(blobs).toHaveLength(1);
  });

  it("include uploads left open for seven days", async () => {
    const uploadId = await openUpload();
    await send(uploadId, 1, "part");
    await store.removeOrphans();
    expect(await blobs()).toHaveLength(1);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 7 * DAY_MS + 1000 });
    await store.removeOrphans();
    expect(await blobs()).toEqual([]);
    expect(await store.abortUpload(KEY, uploadId)).toEqual({ ok: false, failure: "no_such_upload" });
  });
});

describe("a listing", () => {
  it("returns the keys under a prefix, page by page, with any characters", async () => {
    const keys = ["jobs/a%b/1", "jobs/a%b/2", "jobs/a%b/ß", "jobs/aXb/1"];
    for (const key of keys) await store.put(key, bodyOf(key));
    const names = async (after: string) => (await store.list("jobs/a%b/", after, 2)).map(({ key }) => key);
    expect(await names("")).toEqual(keys.slice(0, 2));
    expect(await names("jobs/a%b/2")).toEqual(["jobs/a%b/ß"]);
  });
});

describe("the store", () => {
  it("locks its folder", async () => {
    await expect(ObjectStore.open(dir, new DiskWatch(dir, () => undefined))).rejects.toThrow(/locked/);
  });

  it("keeps everything across a reopen", async () => {
    await store.put("a", bodyOf("text"));
    await store.close();
    store = await ObjectStore.open(dir, new DiskWatch(dir, () => undefined));
    expect(await textOf(store, "a")).toBe("text");
  });
});

describe("segmentsOf", () => {
  const BLOBS = [
    { blob: "a", size: 4 },
    { blob: "b", size: 4 },
    { blob: "c", size: 2 },
  ];
  it.each([
    [0, 10, ["a 0 4", "b 0 4", "c 0 2"]],
    [3, 2, ["a 3 1", "b 0 1"]],
    [4, 4, ["b 0 4"]],
    [9, 1, ["c 1 1"]],
    [1, 8, ["a 1 3", "b 0 4", "c 0 1"]],
  ])("of %i + %i", (offset, length, expected) => {
    const segments = segmentsOf(BLOBS, { offset, length });
    expect(segments.map((segment) => `${segment.blob} ${segment.offset} ${segment.length}`)).toEqual(
      expected,
    );
  });
});
