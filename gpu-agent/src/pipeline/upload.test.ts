import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FENCE_HEADERS, PROBLEMS, SHA256_HEADER } from "@splatt/shared";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ControlPlaneClient } from "../control-plane-client.ts";
import { Secret } from "../secret.ts";
import { createUploadStage, type UploadContext, uploadFiles } from "./upload.ts";
import type { UploadRecord } from "./upload-record.ts";

const JOB = "8c3f4a52-0f8e-4f57-9d4e-0e7a3d8f1b11";
const UPLOAD = "5f0c9f6e-6a55-4c58-bf0d-2f2b8b9ce001";
const PART_SIZE = 4;

let dir: string;
let server: Server;
let storage: ReturnType<typeof fakeStorage>;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-upload-"));
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true, force: true });
});

/**
 * A fake of the control plane's upload endpoints, for faults that the real one cannot produce on demand. `fault` can
 * replace a response: with a status, with a problem's code, or with "cut" to drop the connection.
 */
function fakeStorage(
  fault: (request: string, times: number) => number | keyof typeof PROBLEMS | "cut" | null,
) {
  const seen: string[] = [];
  const leases: string[] = [];
  const parts = new Map<number, Buffer>();
  let completed: unknown = null;
  server = createServer(async (request, response) => {
    const name = `${request.method} ${request.url?.replace(`/agent/jobs/${JOB}`, "").replace("/uploads", "")}`;
    seen.push(name);
    leases.push(String(request.headers[FENCE_HEADERS.leaseId]));
    const body = await read(request);
    const answer = fault(name, seen.filter((other) => other === name).length);
    if (answer === "cut") return void request.socket.destroy();
    if (typeof answer === "string") {
      response.writeHead(PROBLEMS[answer].status).end(JSON.stringify({ code: answer }));
      return;
    }
    if (answer !== null) {
      response
        .writeHead(answer)
        .end(JSON.stringify({ code: answer === 409 ? "stale_lease" : "invalid_request" }));
      return;
    }
    const number = Number(name.split("/parts/")[1]);
    if (name.startsWith("PUT /files/")) {
      expect(request.headers[SHA256_HEADER]).toBe(createHash("sha256").update(body).digest("hex"));
      parts.set(1, body);
      response.end(JSON.stringify({ upload_id: UPLOAD }));
    } else if (name.startsWith("PUT")) {
      expect(request.headers[SHA256_HEADER]).toBe(createHash("sha256").update(body).digest("hex"));
      parts.set(number, body);
      response.end(JSON.stringify({ part_number: number, etag: `etag-${number}` }));
    } else if (name.endsWith("/complete")) {
      completed = JSON.parse(body.toString());
      response.end(JSON.stringify({ etag: "whole" }));
    } else {
      response.end(JSON.stringify({ upload_id: UPLOAD, part_size: PART_SIZE }));
    }
  });
  return {
    seen,
    leases,
    stored: () =>
      Buffer.concat([...parts].toSorted(([a], [b]) => a - b).map(([, bytes]) => bytes)).toString(),
    completed: () => completed,
  };
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function upload(
  content: string,
  fault: Parameters<typeof fakeStorage>[0] = () => null,
  overrides: Partial<UploadContext> = {},
  maxWholeFileBytes?: number,
) {
  storage = fakeStorage(fault);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const path = join(dir, "result.ply");
  await writeFile(path, content);
  const records: UploadRecord[] = [];
  const fractions: number[] = [];
  const client = new ControlPlaneClient({
    controlPlane: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: new Secret("t"),
    log: pino({ level: "silent" }),
    backoff: { minMs: 1, maxMs: 2 },
  });
  client.noteWelcome({ max_whole_file_bytes: maxWholeFileBytes });
  const result = await uploadFiles([path], {
    client,
    fence: () => ({ job_id: JOB, attempt: 1, lease_id: "lease-1" }),
    signal: new AbortController().signal,
    recorded: () => undefined,
    record: async (_, record) => {
      records.push(record);
    },
    report: ({ fraction }) => fractions.push(fraction),
    ...overrides,
  });
  return { result, records, fractions };
}

const CONTENT = "0123456789";
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");
const DONE = { filename: "result.ply", upload_id: UPLOAD, size: 10, sha256: SHA256 };

describe("uploadFiles", () => {
  it("sends a file in parts and completes it", async () => {
    const { result, records, fractions } = await upload(CONTENT);
    expect(result).toEqual({ ok: true, value: [DONE] });
    expect(storage.stored()).toBe(CONTENT);
    expect(storage.completed()).toMatchObject({
      parts: expect.arrayContaining([{ part_number: 3, etag: "etag-3" }]),
    });
    expect(records.at(-1)).toMatchObject({ completed: true, parts: expect.arrayContaining([]) });
    expect(fractions.at(-1)).toBe(1);
  });

  it.each<[string, 500 | 429 | "cut"]>([
    ["an error of the server", 500],
    ["a 429 (too many requests)", 429],
    ["a dropped connection", "cut"],
  ])("resends only the part that met %s", async (_, fault) => {
    const { result } = await upload(CONTENT, (name, times) =>
      name.endsWith("/parts/2") && times === 1 ? fault : null,
    );
    expect(result).toMatchObject({ ok: true });
    expect(storage.stored()).toBe(CONTENT);
    const puts = storage.seen.filter((name) => name.startsWith("PUT")).map((name) => name.at(-1));
    expect(puts.toSorted()).toEqual(["1", "2", "2", "3"]);
  });

  it("resumes where a killed agent stopped", async () => {
    const recorded: UploadRecord = {
      upload_id: UPLOAD,
      part_size: PART_SIZE,
      size: 10,
      sha256: SHA256,
      parts: [1, 2].map((part_number) => ({ part_number, etag: `etag-${part_number}` })),
      completed: false,
    };
    const { result } = await upload(CONTENT, undefined, { recorded: () => recorded });
    expect(result).toEqual({ ok: true, value: [DONE] });
    expect(storage.seen).toEqual([`PUT /${UPLOAD}/parts/3`, `POST /${UPLOAD}/complete`]);
  });

  it("starts over when the file changed since its upload was recorded", async () => {
    const recorded = {
      upload_id: UPLOAD,
      part_size: PART_SIZE,
      size: 10,
      sha256: "0",
      parts: [],
      completed: true,
    };
    await upload(CONTENT, undefined, { recorded: () => recorded });
    expect(storage.seen[0]).toBe("POST ");
  });

  it.each([
    ["has other parts than were sent last", "upload_incomplete", "/complete"],
    ["has forgotten it", "upload_not_found", "/parts/2"],
  ] as const)("starts an upload over when storage %s", async (_, problem, request) => {
    const { result, records, fractions } = await upload(CONTENT, (name, times) =>
      name.endsWith(request) && times === 1 ? problem : null,
    );
    expect(result).toEqual({ ok: true, value: [DONE] });
    expect(storage.seen.filter((name) => name === "POST ")).toHaveLength(2);
    expect(storage.seen.filter((name) => name.endsWith("/parts/1"))).toHaveLength(2);
    expect(storage.completed()).toMatchObject({ parts: [{}, {}, {}] });
    expect(records.at(-1)).toMatchObject({ completed: true });
    expect(fractions.at(-1)).toBe(1);
  });

  it("gives up an upload that storage loses again and again", async () => {
    const { result } = await upload(CONTENT, (name) =>
      name.endsWith("/complete") ? "upload_incomplete" : null,
    );
    expect(result).toMatchObject({ ok: false, error: { code: "upload_failed" } });
    expect(storage.seen.filter((name) => name === "POST ")).toHaveLength(4);
  });

  it("waits while its lease is unknown, and continues under the new one", async () => {
    let lease = "old";
    const { result } = await upload(
      CONTENT,
      (name, times) => {
        if (!name.endsWith("/parts/1") || lease === "new") return null;
        if (times === 3) lease = "new";
        return 409;
      },
      { fence: () => ({ job_id: JOB, attempt: 1, lease_id: lease }) },
    );
    expect(result).toMatchObject({ ok: true });
    expect(storage.leases.at(-1)).toBe("new");
  });

  it("fails on a permanent error", async () => {
    const { result } = await upload(CONTENT, (name) => (name.endsWith("/complete") ? 422 : null));
    expect(result).toMatchObject({
      ok: false,
      error: { code: "upload_failed", detail: expect.stringContaining("422") },
    });
  });

  it("leaves no part behind that is still being sent when it throws", async () => {
    let hasThrown = false;
    const record = async (_: string, { parts }: UploadRecord) => {
      if (hasThrown || parts.length === 0) return;
      hasThrown = true;
      throw new Error("the disk is gone");
    };
    const uploading = upload(CONTENT, (name) => (name.endsWith("/parts/2") && !hasThrown ? 500 : null), {
      record,
    });
    await expect(uploading).rejects.toThrow("the disk is gone");
    expect(storage.stored()).toBe(CONTENT);
  });

  it("stops retrying when the job is stopped", async () => {
    const stop = new AbortController();
    const { result } = await upload(
      CONTENT,
      (_, times) => {
        if (times === 2) stop.abort();
        return 503;
      },
      { signal: stop.signal },
    );
    expect(result).toMatchObject({ ok: false, error: { code: "agent_stopped" } });
  });
});

describe("a file that the control plane takes in one request", () => {
  const sent = "PUT /files/result.ply";

  it.each([
    ["of the largest size is sent whole", CONTENT.length, [sent]],
    ["that is larger is sent in parts", CONTENT.length - 1, ["POST "]],
    ["by an older version, which names no size, is sent in parts", undefined, ["POST "]],
  ])("%s", async (_, maxWholeFileBytes, first) => {
    const { result, fractions } = await upload(CONTENT, undefined, {}, maxWholeFileBytes);
    expect(result).toEqual({ ok: true, value: [DONE] });
    expect(storage.stored()).toBe(CONTENT);
    expect(storage.seen.slice(0, 1)).toEqual(first);
    expect(fractions.at(-1)).toBe(1);
  });

  it.each<[string, 500 | "cut" | "part_checksum_mismatch" | "stale_lease"]>([
    ["an error of the server", 500],
    ["a dropped connection", "cut"],
    ["damage on the way", "part_checksum_mismatch"],
    ["a lease that is not known yet", "stale_lease"],
  ])("is sent again after %s", async (_, fault) => {
    const { result, fractions } = await upload(CONTENT, (_, times) => (times === 1 ? fault : null), {}, 100);
    expect(result).toEqual({ ok: true, value: [DONE] });
    expect(storage.seen).toEqual([sent, sent]);
    expect(fractions).toEqual([1]);
  });

  it("is sent in parts where the control plane was set back since its welcome", async () => {
    const { result } = await upload(CONTENT, (name) => (name === sent ? "not_found" : null), {}, 100);
    expect(result).toEqual({ ok: true, value: [DONE] });
    expect(storage.seen.slice(0, 2)).toEqual([sent, "POST "]);
  });

  it("is not sent again after a restart of the agent, once it is stored", async () => {
    const { records } = await upload(CONTENT, undefined, {}, 100);
    const { result, fractions } = await upload(CONTENT, undefined, { recorded: () => records.at(-1) }, 100);
    expect(result).toEqual({ ok: true, value: [DONE] });
    expect(storage.seen).toEqual([]);
    expect(fractions.at(-1)).toBe(1);
  });

  it("that is refused fails the upload", async () => {
    const { result } = await upload(CONTENT, () => 422, {}, 100);
    expect(result).toMatchObject({ ok: false, error: { code: "upload_failed" } });
  });
});

it("is a stage that no other attempt and no retry of the job reuses", () => {
  const client = new ControlPlaneClient({
    controlPlane: "http://127.0.0.1:1",
    token: new Secret("t"),
    log: pino({ level: "silent" }),
  });
  const key = (job_id: string, attempt: number, lease_id: string) => {
    const job = {
      fence: { job_id, attempt, lease_id },
      upload: () => undefined,
      recordUpload: async () => undefined,
    };
    return JSON.stringify(createUploadStage(client, job).key(["/a/result.ply"]));
  };
  const first = key(JOB, 1, "lease-1");
  expect(key(JOB, 1, "lease-2")).toBe(first);
  expect(key(JOB, 2, "lease-1")).not.toBe(first);
  expect(key(UPLOAD, 1, "lease-1")).not.toBe(first);
});
