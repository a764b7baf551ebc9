import { env } from "cloudflare:workers";
import type { Scope, UploadList, UploadView } from "@splatt/shared";
import { fenceHeaders } from "@splatt/shared";
import { eq } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { database } from "../db/database.ts";
import { jobs, uploads } from "../db/schema.ts";
import { sha256Hex } from "../http/credentials.ts";
import { OWNER } from "../keys/principal.ts";
import { purgeLeftovers } from "../maintenance/purge.ts";
import { API_KEY, api, createJob, json, mintAgent } from "../testing/api.ts";
import { newPool } from "../testing/dispatch.ts";
import { faultyR2 } from "../testing/faulty-stores.ts";
import { mintKey } from "../testing/keys.ts";
import { ScriptedAgent } from "../testing/scripted-agent.ts";
import { StoreMeter } from "../testing/store-meter.ts";
import { deleteUpload, findUpload, listUploads, openUpload } from "./uploads.ts";

const VIDEO = "not really a video, but the bytes of one";
const bytes = new TextEncoder().encode(VIDEO);

function begin(size = bytes.byteLength): Promise<UploadView> {
  return json(api("POST", "/uploads", { filename: "holiday clip.mp4", size }));
}

function putPart(
  upload: UploadView,
  number: number | string,
  body: Uint8Array,
  headers: Record<string, string> = {},
) {
  const length = { "content-length": String(body.byteLength) };
  return api("PUT", `/uploads/${upload.upload_id}/parts/${number}`, body, {
    "x-api-key": API_KEY,
    ...length,
    ...headers,
  });
}

async function uploadVideo(): Promise<UploadView> {
  const upload = await begin();
  await json(putPart(upload, 1, bytes));
  return json(api("POST", `/uploads/${upload.upload_id}/complete`));
}

describe("an upload", () => {
  it("goes from POST over its parts to complete, and can be looked at and repeated in between", async () => {
    const upload = await begin();
    expect(upload).toMatchObject({
      status: "open",
      parts: 1,
      received_parts: [],
      filename: "holiday clip.mp4",
    });
    expect(await json(api("POST", `/uploads/${upload.upload_id}/complete`), 409)).toMatchObject({
      code: "upload_incomplete",
      detail: "0 of 1 parts have arrived.",
    });
    for (let times = 0; times < 2; times += 1) {
      expect(await json(putPart(upload, 1, bytes))).toMatchObject({ part_number: 1 });
    }
    expect(await json(api("GET", `/uploads/${upload.upload_id}`))).toMatchObject({ received_parts: [1] });
    for (let times = 0; times < 2; times += 1) {
      expect(await json(api("POST", `/uploads/${upload.upload_id}/complete`))).toMatchObject({
        status: "completed",
      });
    }
    expect(await json(putPart(upload, 1, bytes), 409)).toMatchObject({ code: "upload_completed" });
  });

  it("of several parts becomes one object", async () => {
    const partSize = 32 * 1024 * 1024;
    const upload = await begin(partSize + 3);
    expect(upload.parts).toBe(2);
    const first = new Uint8Array(partSize).fill(7);
    await json(putPart(upload, 2, Uint8Array.of(1, 2, 3)));
    await json(putPart(upload, 1, first));
    await json(api("POST", `/uploads/${upload.upload_id}/complete`));
    const object = await env.BUCKET.get(`uploads/${upload.upload_id}/source`, { range: { suffix: 4 } });
    expect(object?.size).toBe(partSize + 3);
    expect(new Uint8Array((await object?.arrayBuffer()) ?? new ArrayBuffer())).toEqual(
      Uint8Array.of(7, 1, 2, 3),
    );
  });

  it("refuses a part of the wrong size or number, and one that arrived damaged", async () => {
    const upload = await begin();
    expect(await json(putPart(upload, 1, bytes.subarray(1)), 422)).toMatchObject({
      code: "part_size_mismatch",
    });
    expect(await json(putPart(upload, 2, bytes), 422)).toMatchObject({ code: "part_size_mismatch" });
    for (const number of [
      0,
      -1,
      "1.0",
      "01",
      "+1",
      "1e0",
      "0x1",
      "%201",
      "1%20",
      "1%0A",
      "٣",
      "1".repeat(400),
    ])
      expect(await json(putPart(upload, number, bytes), 422)).toMatchObject({ code: "part_size_mismatch" });
    const wrong = { "x-content-sha256": await sha256Hex("something else") };
    expect(await json(putPart(upload, 1, bytes, wrong), 422)).toMatchObject({
      code: "part_checksum_mismatch",
    });
    expect(await json(api("GET", `/uploads/${upload.upload_id}`))).toMatchObject({ received_parts: [] });
    await json(putPart(upload, 1, bytes, { "x-content-sha256": await sha256Hex(VIDEO) }));
  });

  it("keeps a good part when a damaged copy of it arrives, and completes with it", async () => {
    const upload = await begin();
    const hash = await sha256Hex(VIDEO);
    await json(putPart(upload, 1, bytes, { "x-content-sha256": hash.toUpperCase() }));
    const damaged = bytes.toReversed();
    for (let times = 0; times < 2; times += 1) {
      await json(putPart(upload, 1, damaged, { "x-content-sha256": hash }), 422);
    }
    expect(await json(api("GET", `/uploads/${upload.upload_id}`))).toMatchObject({ received_parts: [1] });
    await json(api("POST", `/uploads/${upload.upload_id}/complete`));
    const object = await env.BUCKET.get(`uploads/${upload.upload_id}/source`);
    expect(await object?.text()).toBe(VIDEO);
  });

  it("names the parts to send again when storage kept another than was recorded", async () => {
    const upload = await begin();
    await json(putPart(upload, 1, bytes));
    // As when two requests with one part's number arrive at once, and finish in different orders here and there.
    const row = await findUpload(database(env.DB), upload.upload_id);
    await env.BUCKET.resumeMultipartUpload(row.r2Key, row.r2UploadId).uploadPart(1, bytes.toReversed());
    expect(await json(api("POST", `/uploads/${upload.upload_id}/complete`), 409)).toMatchObject({
      code: "upload_incomplete",
    });
    expect(await json(api("GET", `/uploads/${upload.upload_id}`))).toMatchObject({ received_parts: [] });
    await json(putPart(upload, 1, bytes));
    await json(api("POST", `/uploads/${upload.upload_id}/complete`));
    expect(await (await env.BUCKET.get(row.r2Key))?.text()).toBe(VIDEO);
  });

  it.each([
    ["a path", { filename: "a/b.mp4", size: 1 }, "filename"],
    ["no size", { filename: "b.mp4" }, "size"],
    ["nothing", { filename: "b.mp4", size: 0 }, "size"],
    ["too much", { filename: "b.mp4", size: 1e13 }, "size"],
  ])("of %s is invalid", async (_, body, field) => {
    const problem = await json<{ detail: { loc: string[] }[] }>(api("POST", "/uploads", body), 422);
    expect(problem.detail[0]?.loc).toEqual(["body", field]);
  });

  it("that does not exist is 404", async () => {
    const path = `/uploads/${crypto.randomUUID()}`;
    for (const [method, suffix] of [
      ["GET", ""],
      ["PUT", "/parts/1"],
      ["POST", "/complete"],
      ["DELETE", ""],
    ] as const) {
      expect((await api(method, `${path}${suffix}`)).status).toBe(404);
    }
  });

  it("can be deleted unless a job uses it", async () => {
    const upload = await uploadVideo();
    const job = await createJob({ filebin_url: undefined, upload_id: upload.upload_id });
    expect(await json(api("DELETE", `/uploads/${upload.upload_id}`), 409)).toMatchObject({
      code: "upload_in_use",
    });
    const unused = await uploadVideo();
    await json(api("DELETE", `/uploads/${unused.upload_id}`));
    expect(await env.BUCKET.head(`uploads/${unused.upload_id}/source`)).toBeNull();
    expect((await api("GET", `/jobs/${job}`)).status).toBe(200);
  });

  it("is purged when it expires unused, and kept while a job uses it", async () => {
    const used = await uploadVideo();
    await createJob({ filebin_url: undefined, upload_id: used.upload_id });
    const unused = await uploadVideo();
    const open = await begin();
    await purgeLeftovers(database(env.DB), env.BUCKET, Date.now() + 30 * 24 * 3600 * 1000);
    expect((await api("GET", `/uploads/${used.upload_id}`)).status).toBe(200);
    expect((await api("GET", `/uploads/${unused.upload_id}`)).status).toBe(404);
    expect((await api("GET", `/uploads/${open.upload_id}`)).status).toBe(404);
  });

  it("that R2 cannot abort now stays known until it can, and keeps no other", async () => {
    const [stuck, other] = [await begin(), await begin()];
    const db = database(env.DB);
    // It comes first.
    await db
      .update(uploads)
      .set({ expiresAt: Date.now() + 60_000 })
      .where(eq(uploads.id, stuck.upload_id));
    // A fault that the real bucket cannot be made to have.
    const failing = new Proxy(env.BUCKET, {
      get: (bucket, name) =>
        name === "resumeMultipartUpload"
          ? (key: string, id: string) =>
              key.includes(stuck.upload_id)
                ? {
                    abort: () =>
                      Promise.reject(new Error("abort: We encountered an internal error. (10001)")),
                  }
                : bucket.resumeMultipartUpload(key, id)
          : Reflect.get(bucket, name).bind(bucket),
    });
    const later = Date.now() + 30 * 24 * 3600 * 1000;
    await purgeLeftovers(db, failing, later);
    const known = async () => (await db.select({ id: uploads.id }).from(uploads)).map(({ id }) => id);
    expect(await known()).toContain(stuck.upload_id);
    expect(await known()).not.toContain(other.upload_id);
    await purgeLeftovers(db, env.BUCKET, later);
    expect(await known()).not.toContain(stuck.upload_id);
  });

  it("that a job uses gets another term when it has expired, after which it is looked at again", async () => {
    const { upload_id } = await uploadVideo();
    const job = await createJob({ filebin_url: undefined, upload_id });
    const db = database(env.DB);
    const row = eq(uploads.id, upload_id);
    const later = Date.now() + 30 * 24 * 3600 * 1000;
    await purgeLeftovers(db, env.BUCKET, later);
    const [kept] = await db.select({ expiresAt: uploads.expiresAt }).from(uploads).where(row);
    expect(kept?.expiresAt).toBeGreaterThan(later);

    // As if deleting the job had been cut off before its video was deleted.
    await db.delete(jobs).where(eq(jobs.id, job));
    await purgeLeftovers(db, env.BUCKET, later);
    expect(await db.select().from(uploads).where(row)).toHaveLength(1);
    await purgeLeftovers(db, env.BUCKET, (kept?.expiresAt ?? 0) + 1);
    expect(await db.select().from(uploads).where(row)).toEqual([]);
    expect(await env.BUCKET.head(`uploads/${upload_id}/source`)).toBeNull();
  });
});

describe("the list of uploads", () => {
  it("is newest first, filtered by status, and paged without skipping while uploads are added", async () => {
    await env.DB.prepare("DELETE FROM uploads").run();
    const open = [await begin(), await begin(), await begin()].map(({ upload_id }) => upload_id).toReversed();
    const completed = await uploadVideo();
    const list = (query: string) => json<UploadList>(api("GET", `/uploads?${query}`));
    const ids = ({ uploads: found }: UploadList) => found.map(({ upload_id }) => upload_id);
    // Uploads of one millisecond follow their ids.
    expect(ids(await list(""))).toHaveLength(4);
    expect(ids(await list("status=completed"))).toEqual([completed.upload_id]);
    expect(new Set(ids(await list("status=open&unknown=1")))).toEqual(new Set(open));

    const seen: string[] = [];
    let cursor: string | null = "";
    for (let pages = 0; cursor !== null && pages < 9; pages += 1) {
      const page: UploadList = await list(`limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`);
      seen.push(...ids(page));
      cursor = page.next_cursor;
      await begin();
    }
    expect(new Set(seen)).toEqual(new Set([completed.upload_id, ...open]));
    expect(seen).toHaveLength(4);
    for (const wrong of ["limit=0", "limit=1001", "status=lost", "cursor=x"]) {
      expect((await api("GET", `/uploads?${wrong}`)).status).toBe(422);
    }
  });

  it("shows a key its own uploads, an admin all", async () => {
    const db = database(env.DB);
    const key = { keyId: (await mintKey(["jobs:write"])).key_id, scopes: new Set<Scope>(["jobs:write"]) };
    const announced = { filename: "v.mp4", size: 1, sha256: null, protocol: "parts", partSize: 1 } as const;
    const own = await openUpload(env.BUCKET, key, announced);
    const other = await openUpload(env.BUCKET, { keyId: (await mintKey(["jobs:write"])).key_id }, announced);
    await db.insert(uploads).values([own, other]);
    const query = { limit: 100, status: undefined, cursor: undefined };
    expect((await listUploads(db, key, query)).page.map(({ id }) => id)).toEqual([own.id]);
    await expect(findUpload(db, other.id, key)).rejects.toMatchObject({ code: "upload_not_found" });
    const admin = { keyId: crypto.randomUUID(), scopes: new Set<Scope>(["admin"]) };
    const all = (await listUploads(db, admin, query)).page.map(({ id }) => id);
    expect(all).toEqual(expect.arrayContaining([own.id, other.id]));
    await findUpload(db, other.id, admin);
  });

  it.each([
    [{ status: undefined, cursor: undefined }, OWNER, "uploads_created"],
    [{ status: "completed", cursor: "9_00000000-0000-0000-0000-000000000000" }, OWNER, "uploads_created"],
    [{ status: "open", cursor: undefined }, OWNER, "uploads_open"],
    [{ status: undefined, cursor: undefined }, { keyId: "k", scopes: new Set<Scope>() }, "uploads_key"],
  ] as const)("follows an index for %j", async (query, principal, index) => {
    const meter = StoreMeter.attach();
    await listUploads(database(env.DB), principal, { limit: 10, ...query });
    meter.detach();
    const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${meter.queries[0]?.sql}`)
      .bind(...(meter.queries[0]?.params ?? []))
      .all<{ detail: string }>();
    expect(plan.results.map(({ detail }) => detail).join()).toMatch(new RegExp(`INDEX ${index}\\b`));
    expect(plan.results.map(({ detail }) => detail).join()).not.toContain("TEMP B-TREE");
  });
});

describe("a SHA-256 of the whole file", () => {
  it("is verified when the upload is completed, and a wrong file is deleted", async () => {
    const announce = (sha256: string) =>
      json<UploadView>(api("POST", "/uploads", { filename: "v.mp4", size: bytes.byteLength, sha256 }));
    const hash = await sha256Hex(VIDEO);
    const good = await announce(hash.toUpperCase());
    expect(good.sha256).toBe(hash);
    await json(putPart(good, 1, bytes));
    await json(api("POST", `/uploads/${good.upload_id}/complete`));
    const wrong = await announce(await sha256Hex("another file"));
    await json(putPart(wrong, 1, bytes));
    const completed = api("POST", `/uploads/${wrong.upload_id}/complete`);
    expect(await json(completed, 422)).toMatchObject({ code: "upload_checksum_mismatch" });
    expect((await api("GET", `/uploads/${wrong.upload_id}`)).status).toBe(404);
    expect(await env.BUCKET.head(`uploads/${wrong.upload_id}/source`)).toBeNull();
    const invalid = api("POST", "/uploads", { filename: "v.mp4", size: 1, sha256: "abc" });
    expect((await invalid).status).toBe(422);
  });

  it("of each part is listed, where the client stated it", async () => {
    const upload = await begin();
    const path = `/uploads/${upload.upload_id}/parts`;
    await json(putPart(upload, 1, bytes));
    expect(await json(api("GET", path))).toEqual({
      parts: [{ part_number: 1, size: bytes.byteLength, sha256: null }],
    });
    const hash = await sha256Hex(VIDEO);
    await json(putPart(upload, 1, bytes, { "x-content-sha256": hash }));
    expect(await json(api("GET", path))).toMatchObject({ parts: [{ sha256: hash }] });
    expect(await json(api("GET", `/uploads/${upload.upload_id}`))).toMatchObject({
      received_bytes: bytes.byteLength,
    });
  });
});

describe("deleting an upload", () => {
  it("that is cut off is finished by the purge, and no job can use the video meanwhile", async () => {
    const { upload_id } = await uploadVideo();
    const db = database(env.DB);
    const [row] = await db.select().from(uploads).where(eq(uploads.id, upload_id));
    if (row === undefined) throw new Error("the upload has no row");
    const broken = faultyR2(env.BUCKET, async ({ method }) =>
      method === "delete" ? { error: "internal error" } : {},
    );
    await expect(deleteUpload(db, broken, row)).rejects.toThrow("internal error");

    expect((await api("GET", `/uploads/${upload_id}`)).status).toBe(404);
    const body = { task_id: "t", upload_id };
    expect(await json(api("POST", "/jobs", body), 404)).toMatchObject({ code: "upload_not_found" });
    await purgeLeftovers(db, env.BUCKET, Date.now());
    expect(await env.BUCKET.head(row.r2Key)).toBeNull();
    expect(await db.select().from(uploads).where(eq(uploads.id, upload_id))).toEqual([]);
  });
});

describe("an uploaded video", () => {
  it("is downloaded by the job's agent only, in ranges too", async () => {
    const pool = newPool();
    const { token } = await mintAgent(pool);
    const agent = await ScriptedAgent.connect(token);
    const upload = await uploadVideo();
    const jobId = await createJob({
      filebin_url: undefined,
      filename: undefined,
      upload_id: upload.upload_id,
      pool,
    });
    const { fence, spec } = await agent.next("job.assign");
    expect(spec.source).toEqual({ kind: "upload", size: bytes.byteLength });
    const path = `/agent/jobs/${jobId}/input`;
    const headers = { authorization: `Bearer ${token}`, ...fenceHeaders(fence) };
    expect(await text(api("GET", path, undefined, headers))).toBe(VIDEO);
    expect(await text(api("GET", path, undefined, { ...headers, range: "bytes=4-9" }))).toBe(
      VIDEO.slice(4, 10),
    );

    expect((await api("GET", path, undefined, { authorization: headers.authorization })).status).toBe(409);
    expect((await api("GET", path, undefined, fenceHeaders(fence))).status).toBe(401);
    const other = await mintAgent(pool, "other");
    expect(
      (await api("GET", path, undefined, { ...headers, authorization: `Bearer ${other.token}` })).status,
    ).toBe(409);
  });

  it("goes with the last job that uses it", async () => {
    const pool = newPool();
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token);
    const upload = await uploadVideo();
    const fields = { filebin_url: undefined, upload_id: upload.upload_id, pool };
    const ids = [await createJob(fields), await createJob(fields)];
    for (const id of ids) {
      const fence = await agent.takeJob();
      expect((await api("GET", `/uploads/${upload.upload_id}`)).status).toBe(200);
      agent.fail(fence, 1, "source_not_found");
      await agent.next("ack");
      await json(api("DELETE", `/jobs/${id}`));
    }
    expect((await api("GET", `/uploads/${upload.upload_id}`)).status).toBe(404);
    expect(await env.BUCKET.head(`uploads/${upload.upload_id}/source`)).toBeNull();
  });
});

async function text(response: Promise<Response>): Promise<string> {
  return new TextDecoder().decode(await (await response).arrayBuffer());
}
