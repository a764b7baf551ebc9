import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import type { Me, UploadView } from "@splatt/shared";
import { eq } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { app } from "../../app.ts";
import { database } from "../../db/database.ts";
import { tusUploads } from "../../db/schema.ts";
import { OWNER } from "../../keys/principal.ts";
import { purgeLeftovers } from "../../maintenance/purge.ts";
import { objectBytes } from "../../storage/bytes-through-worker.ts";
import { API_KEY, api, createJob, json } from "../../testing/api.ts";
import { mintKey } from "../../testing/keys.ts";
import { receiveBody } from "./receive-body.ts";
import type { UploadChecksum } from "./tus-headers.ts";
import { findTusUpload } from "./tus-uploads.ts";

const MIB = 1024 * 1024;
const PART = 8 * MIB;

type Body = Uint8Array | ReadableStream<Uint8Array> | null;

function send(method: string, path: string, body: Body = null, headers: Record<string, string> = {}) {
  const length: Record<string, string> =
    body instanceof Uint8Array ? { "content-length": String(body.byteLength) } : {};
  return exports.default.fetch(
    new Request(new URL(path, "https://splatt.test"), {
      method,
      body,
      headers: { "x-api-key": API_KEY, "tus-resumable": "1.0.0", ...length, ...headers },
    }),
  );
}

async function begin(size: number, headers: Record<string, string> = {}): Promise<string> {
  const created = await send("POST", "/uploads/tus", null, { "upload-length": String(size), ...headers });
  expect(created.status).toBe(201);
  return created.headers.get("location") ?? "";
}

function patch(url: string, offset: number, body: Body, headers: Record<string, string> = {}) {
  const type = { "content-type": "application/offset+octet-stream", "upload-offset": String(offset) };
  return send("PATCH", url, body, { ...type, ...headers });
}

async function offsetOf(url: string): Promise<number> {
  const head = await send("HEAD", url);
  expect(head.status).toBe(200);
  expect(head.headers.get("cache-control")).toBe("no-store");
  return Number(head.headers.get("upload-offset"));
}

/** Bytes that differ from their neighbours at every scale. */
function video(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8) * 7 + (at >> 16) * 13) & 0xff);
}

function idOf(url: string): string {
  return url.slice(url.lastIndexOf("/") + 1);
}

async function expectStored(url: string, bytes: Uint8Array): Promise<void> {
  const view = await json<UploadView>(api("GET", `/uploads/${idOf(url)}`));
  expect(view).toMatchObject({ status: "completed", protocol: "tus", received_bytes: bytes.byteLength });
  const object = await env.BUCKET.get(`uploads/${idOf(url)}/source`);
  const stored = new Uint8Array((await object?.arrayBuffer()) ?? new ArrayBuffer());
  expect(stored.byteLength).toBe(bytes.byteLength);
  expect(await hash(stored)).toBe(await hash(bytes));
  const left = await env.BUCKET.list({ prefix: `uploads/${idOf(url)}/tail/` });
  expect(left.objects).toEqual([]);
}

async function hash(bytes: Uint8Array, algorithm = "SHA-256"): Promise<string> {
  return btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest(algorithm, bytes))));
}

/** Appends in this isolate, where a body can break off at an exact byte. */
async function receive(
  url: string,
  offset: number,
  body: ReadableStream<Uint8Array>,
  checksum: UploadChecksum | null = null,
): Promise<number> {
  const db = database(env.DB);
  const found = await findTusUpload(db, idOf(url), OWNER);
  const stores = { db, bucket: env.BUCKET, bytes: objectBytes(env) };
  return receiveBody(stores, found, { offset, checksum, request: { headers: new Headers(), body } });
}

/** A body that sends `bytes` and then breaks off. */
function brokenOff(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let isSent = false;
  return new ReadableStream({
    pull(controller) {
      if (isSent) controller.error(new Error("the client is gone"));
      else controller.enqueue(bytes);
      isSent = true;
    },
  });
}

describe("a tus upload", () => {
  it("is announced, sent in one request, and usable in a job", async () => {
    const bytes = video(1000);
    const metadata = `filename ${btoa("my clip.mp4")},filetype ${btoa("video/mp4")},empty`;
    const url = await begin(bytes.byteLength, { "upload-metadata": metadata });
    const head = await send("HEAD", url);
    expect(Object.fromEntries(head.headers)).toMatchObject({
      "tus-resumable": "1.0.0",
      "upload-offset": "0",
      "upload-length": "1000",
      "upload-metadata": metadata,
      "upload-expires": expect.stringMatching(/GMT$/),
    });
    const sent = await patch(url, 0, bytes);
    expect(sent.status).toBe(204);
    expect(sent.headers.get("upload-offset")).toBe("1000");
    await expectStored(url, bytes);
    expect(await offsetOf(url)).toBe(1000);
    await createJob({ filebin_url: undefined, filename: undefined, upload_id: idOf(url) });
  });

  it.each([
    ["whole parts", [PART, PART, 100]],
    ["pieces that cross the parts", [5 * MIB, 7 * MIB, 3 * MIB + 1, MIB + 99]],
    ["one request of several parts", [2 * PART + 1234]],
    ["many small pieces", [...Array.from({ length: 40 }, () => 1111), PART, 17]],
  ])("of several parts arrives in %s", async (_, sizes) => {
    const bytes = video(sizes.reduce((sum, size) => sum + size, 0));
    const url = await begin(bytes.byteLength);
    let at = 0;
    for (const size of sizes) {
      const answer = await patch(url, at, bytes.subarray(at, at + size));
      at += size;
      expect(answer.headers.get("upload-offset")).toBe(String(at));
    }
    await expectStored(url, bytes);
  });

  it("keeps what arrived before a request broke off, at any point", async () => {
    const bytes = video(PART + 5000);
    const url = await begin(bytes.byteLength);
    for (const end of [10, 4000, PART - 1, PART + 3000]) {
      const at = await offsetOf(url);
      await expect(receive(url, at, brokenOff(bytes.subarray(at, end)))).rejects.toMatchObject({
        code: "body_incomplete",
      });
      expect(await offsetOf(url)).toBe(end);
    }
    const at = await offsetOf(url);
    expect((await patch(url, at, bytes.subarray(at))).status).toBe(204);
    await expectStored(url, bytes);
  });

  it("may begin with the request that announces it", async () => {
    const bytes = video(300);
    const headers = { "upload-length": "300", "content-type": "application/offset+octet-stream" };
    const created = await send("POST", "/uploads/tus", bytes.subarray(0, 100), headers);
    expect(created.status).toBe(201);
    expect(created.headers.get("upload-offset")).toBe("100");
    const url = created.headers.get("location") ?? "";
    expect((await patch(url, 100, bytes.subarray(100))).status).toBe(204);
    await expectStored(url, bytes);
  });

  it("stores a checked request whole or not at all", async () => {
    const bytes = video(2 * PART + 10);
    const url = await begin(bytes.byteLength);
    const good = { "upload-checksum": `sha256 ${await hash(bytes)}` };
    const damaged = bytes.slice();
    damaged[PART + 1] = (damaged[PART + 1] ?? 0) ^ 1;
    expect(await json(patch(url, 0, damaged, good), 460)).toMatchObject({ code: "tus_checksum_mismatch" });
    const checksum = { algorithm: "sha256", base64: await hash(bytes) } as const;
    await expect(receive(url, 0, brokenOff(bytes.subarray(0, PART + 5)), checksum)).rejects.toThrow();
    expect(await offsetOf(url)).toBe(0);
    const sha1 = { "upload-checksum": `sha1 ${await hash(bytes.subarray(0, PART + 7), "SHA-1")}` };
    expect((await patch(url, 0, bytes.subarray(0, PART + 7), sha1)).status).toBe(204);
    expect((await patch(url, PART + 7, bytes.subarray(PART + 7))).status).toBe(204);
    await expectStored(url, bytes);
  });

  it("takes one of two requests at the same offset", async () => {
    const bytes = video(2 * PART);
    const url = await begin(bytes.byteLength);
    const answers = await Promise.all([patch(url, 0, bytes), patch(url, 0, bytes), patch(url, 0, bytes)]);
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses.filter((status) => status === 204)).toHaveLength(1);
    expect(statuses.slice(1).every((status) => status === 409 || status === 423)).toBe(true);
    await expectStored(url, bytes);
  });

  it("is taken over from a request that was cut off without a word", async () => {
    const bytes = video(100);
    const url = await begin(bytes.byteLength);
    const turn = (until: number) =>
      database(env.DB)
        .update(tusUploads)
        .set({ writer: "gone", writerUntil: until })
        .where(eq(tusUploads.uploadId, idOf(url)));
    await turn(Date.now() + 60_000);
    const locked = await patch(url, 0, bytes);
    expect(locked.status).toBe(423);
    expect(locked.headers.get("retry-after")).toBe("1");
    await turn(Date.now() - 1);
    expect((await patch(url, 0, bytes)).status).toBe(204);
    await expectStored(url, bytes);
  });

  it("is deleted with everything that was sent, by the client or when it expires", async () => {
    for (const remove of [
      (url: string) => send("DELETE", url),
      () => purgeLeftovers(database(env.DB), env.BUCKET, Date.now() + 30 * 24 * 3600 * 1000),
    ]) {
      const url = await begin(1000);
      await patch(url, 0, video(500));
      await remove(url);
      expect((await send("HEAD", url)).status).toBe(404);
      expect((await patch(url, 500, video(500))).status).toBe(404);
      expect((await env.BUCKET.list({ prefix: `uploads/${idOf(url)}` })).objects).toEqual([]);
      const row = env.DB.prepare("SELECT 1 FROM tus_uploads WHERE upload_id = ?").bind(idOf(url));
      expect(await row.first()).toBeNull();
    }
  });

  it("that is another file than announced is refused", async () => {
    const bytes = video(100);
    const announced = (of: string) => ({ "upload-metadata": `sha256 ${btoa(of)}` });
    const hex = [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");
    const good = await begin(100, announced(hex.toUpperCase()));
    expect((await patch(good, 0, bytes)).status).toBe(204);
    const other = await begin(100, announced("0".repeat(64)));
    expect(await json(patch(other, 0, bytes), 422)).toMatchObject({ code: "upload_checksum_mismatch" });
    expect((await send("HEAD", other)).status).toBe(404);
  });

  it("takes no parts, and an upload in parts takes no PATCH", async () => {
    const url = await begin(100);
    const part = await api("PUT", `/uploads/${idOf(url)}/parts/1`, video(100), {
      "x-api-key": API_KEY,
      "content-length": "100",
    });
    expect(await part.json()).toMatchObject({ code: "upload_protocol_mismatch" });
    const { upload_id } = await json<UploadView>(api("POST", "/uploads", { filename: "v.mp4", size: 100 }));
    expect((await patch(`/uploads/tus/${upload_id}`, 0, video(100))).status).toBe(404);
  });
});

describe("the tus protocol", () => {
  it("is described to anybody who asks with OPTIONS", async () => {
    for (const path of ["/uploads/tus", "/uploads/tus/", "/uploads/tus/some-id"]) {
      const answer = await exports.default.fetch(
        new Request(`https://splatt.test${path}`, { method: "OPTIONS" }),
      );
      expect(answer.status).toBe(204);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        "tus-resumable": "1.0.0",
        "tus-version": "1.0.0",
        "tus-extension": "creation,creation-with-upload,expiration,checksum,termination",
        "tus-checksum-algorithm": "sha256,sha1",
        "tus-max-size": expect.stringMatching(/^\d+$/),
      });
    }
  });

  it("refuses other versions, and names its own", async () => {
    const url = await begin(10);
    for (const version of ["0.2.2", "1.0.1", ""]) {
      for (const answer of [
        await send("POST", "/uploads/tus", null, { "tus-resumable": version, "upload-length": "1" }),
        await send("HEAD", url, null, { "tus-resumable": version }),
        await patch(url, 0, video(10), { "tus-resumable": version }),
        await send("DELETE", url, null, { "tus-resumable": version }),
      ]) {
        expect(answer.status).toBe(412);
        expect(answer.headers.get("tus-version")).toBe("1.0.0");
      }
    }
    expect(await offsetOf(url)).toBe(0);
  });

  it("names its version in every answer, and asks for the key", async () => {
    const answer = await send("POST", "/uploads/tus", null, { "upload-length": "1", "x-api-key": "wrong" });
    expect(answer.status).toBe(401);
    expect(answer.headers.get("tus-resumable")).toBe("1.0.0");
    expect((await send("HEAD", "/uploads/tus/nothing")).headers.get("tus-resumable")).toBe("1.0.0");
  });

  it.each<[string, number, Record<string, string>]>([
    ["no length", 400, {}],
    ["an empty file", 400, { "upload-length": "0" }],
    ["a negative length", 400, { "upload-length": "-1" }],
    ["a length that is no number", 400, { "upload-length": "1e3" }],
    ["a length beyond all numbers", 400, { "upload-length": "99999999999999999999" }],
    ["a length beyond the limit", 413, { "upload-length": "9007199254740991" }],
    ["a length that comes later", 400, { "upload-defer-length": "1" }],
    ["parts to be joined", 400, { "upload-length": "1", "upload-concat": "partial" }],
    ["metadata that is not base64", 400, { "upload-length": "1", "upload-metadata": "filename %%%" }],
    ["metadata without a key", 400, { "upload-length": "1", "upload-metadata": "a b,,c d" }],
    ["a key twice", 400, { "upload-length": "1", "upload-metadata": "a YQ==,a YQ==" }],
    ["a name with a folder", 400, { "upload-length": "1", "upload-metadata": `filename ${btoa("../x")}` }],
    ["a name that is not UTF-8", 400, { "upload-length": "1", "upload-metadata": "filename /w==" }],
    ["a SHA-256 that is none", 400, { "upload-length": "1", "upload-metadata": `sha256 ${btoa("abc")}` }],
  ])("refuses to begin with %s", async (_, status, headers) => {
    expect((await send("POST", "/uploads/tus", null, headers)).status).toBe(status);
  });

  it.each<[string, number, number, Record<string, string>]>([
    ["before what is stored", 409, 0, {}],
    ["beyond what is stored", 409, 51, {}],
    ["beyond the file", 409, 1000, {}],
    ["that is no number", 400, 50, { "upload-offset": "0x32" }],
    ["with another content type", 415, 50, { "content-type": "video/mp4" }],
    ["with an unknown checksum", 400, 50, { "upload-checksum": "md5 aaaa" }],
    ["with a checksum of the wrong size", 400, 50, { "upload-checksum": "sha256 aaaa" }],
  ])("refuses a request at an offset %s", async (_, status, offset, headers) => {
    const url = await begin(100);
    await patch(url, 0, video(50));
    expect((await patch(url, offset, video(50), headers)).status).toBe(status);
    expect(await offsetOf(url)).toBe(50);
  });

  it("refuses bytes beyond the file, stated or not", async () => {
    const url = await begin(100);
    expect((await patch(url, 0, video(101))).status).toBe(413);
    expect(await offsetOf(url)).toBe(0);
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
    });
    expect((await patch(url, 0, endless)).status).toBe(413);
    expect(await offsetOf(url)).toBe(0);
  });

  it("answers an empty request with the offset", async () => {
    const url = await begin(100);
    const empty = await patch(url, 0, new Uint8Array());
    expect(empty.status).toBe(204);
    expect(empty.headers.get("upload-offset")).toBe("0");
    await patch(url, 0, video(100));
    expect((await patch(url, 100, new Uint8Array())).status).toBe(204);
  });
});

describe("the limits of a key", () => {
  it("hold for tus uploads as for those in parts, also in parallel, and are free again after a deletion", async () => {
    const { headers } = await mintKey(["jobs:read", "jobs:write"], {
      limits: { bytes_stored: 1000, upload_bytes: 600 },
    });
    const create = (size: number) =>
      send("POST", "/uploads/tus", null, { ...headers, "upload-length": String(size) });
    const problem = await json<object>(create(601), 403);
    expect(problem).toMatchObject({ code: "quota_exceeded", detail: "The key's limit upload_bytes is 600." });
    const answers = await Promise.all(Array.from({ length: 20 }, () => create(300)));
    const created = answers.filter(({ status }) => status === 201);
    expect(created).toHaveLength(3);
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(17);
    const parts = api("POST", "/uploads", { filename: "v.mp4", size: 101 }, headers);
    expect(await json(parts, 403)).toMatchObject({
      detail: "The key's limit bytes_stored is 1000. 900 are used, and this needs more than is left.",
    });
    await send("DELETE", created[0]?.headers.get("location") ?? "", null, headers);
    expect((await create(101)).status).toBe(201);
    const { used } = await json<Me>(api("GET", "/me", undefined, headers));
    expect(used?.bytes_stored).toBe(701);
  });

  it("leave nothing in the bucket of an upload that they refuse", async () => {
    const { headers } = await mintKey(["jobs:write"], { limits: { upload_bytes: 1 } });
    const calls = { opened: 0, aborted: 0 };
    const open = env.BUCKET.createMultipartUpload.bind(env.BUCKET);
    const bucket = Object.create(env.BUCKET, {
      createMultipartUpload: {
        value: async (key: string) => {
          calls.opened += 1;
          return open(key);
        },
      },
      resumeMultipartUpload: {
        value: () => ({
          abort: async () => {
            calls.aborted += 1;
          },
        }),
      },
    }) as R2Bucket;
    const context = createExecutionContext();
    const request = new Request("https://splatt.test/uploads/tus", {
      method: "POST",
      headers: { ...headers, "tus-resumable": "1.0.0", "upload-length": "2" },
    });
    const answer = await app.fetch(request, { ...env, BUCKET: bucket }, context);
    expect(answer.status).toBe(403);
    await waitOnExecutionContext(context);
    expect(calls).toEqual({ opened: 1, aborted: 1 });
  });
});
