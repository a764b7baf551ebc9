import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiProblem, Splatt } from "splatt";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type EmbeddedControlPlane, startControlPlane } from "./index.ts";

/** Uploads of the TypeScript client to the embedded control plane. */

const KEY = "key-of-the-uploading-client";
const MIB = 1024 * 1024;

let dataDir: string;
let controlPlane: EmbeddedControlPlane;
let client: Splatt;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "splatt-client-"));
  controlPlane = await startControlPlane({ dataDir, port: 0, apiKey: KEY, onLog: () => undefined });
  client = new Splatt({ url: controlPlane.url, apiKey: KEY });
});
afterAll(async () => {
  await controlPlane.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const fileOf = (bytes: Buffer) => ({ name: "clip.mp4", content: new Blob([new Uint8Array(bytes)]) });

it("sends parts at once, stops when asked, and resumes without sending them again", async () => {
  const bytes = randomBytes(70 * MIB);
  const stop = new AbortController();
  let uploadId = "";
  const first = client.upload(fileOf(bytes), {
    sha256: sha256(bytes),
    parallel: 1,
    signal: stop.signal,
    onCreated: (id) => {
      uploadId = id;
    },
    onProgress: (fraction) => {
      // Part 1 of 3 is stored, and the next is on its way.
      if (fraction > 32 / 70) stop.abort();
    },
  });
  await expect(first).rejects.toThrow();
  const answer = await fetch(`${controlPlane.url}/uploads/${uploadId}`, { headers: { "x-api-key": KEY } });
  expect(await answer.json()).toMatchObject({ status: "open", received_parts: [1] });

  const fractions: number[] = [];
  const onProgress = (fraction: number) => fractions.push(fraction);
  expect(await client.upload(fileOf(bytes), { resume: uploadId, onProgress })).toBe(uploadId);
  expect(fractions.at(-1)).toBe(1);
  expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
  // Once more changes nothing.
  expect(await client.upload(fileOf(bytes), { resume: uploadId })).toBe(uploadId);
});

it("replaces the parts that another file left, and reports a wrong SHA-256", async () => {
  const [bytes, other] = [randomBytes(MIB), randomBytes(MIB)];
  const body = JSON.stringify({ filename: "clip.mp4", size: MIB, sha256: sha256(bytes) });
  const call = async (method: string, path: string, sent: string | Uint8Array<ArrayBuffer>, hash = "") => {
    const headers = { "x-api-key": KEY, ...(hash !== "" && { "x-content-sha256": hash }) };
    const answer = await fetch(new URL(path, controlPlane.url), { method, headers, body: sent });
    return (await answer.json()) as { upload_id: string };
  };
  const { upload_id } = await call("POST", "/uploads", body);
  await call("PUT", `/uploads/${upload_id}/parts/1`, new Uint8Array(other), sha256(other));
  // The server verifies the whole file, so this succeeds only with every byte of it.
  expect(await client.upload(fileOf(bytes), { resume: upload_id })).toBe(upload_id);

  const wrong = client.upload(fileOf(bytes), { sha256: sha256(other) });
  await expect(wrong).rejects.toThrow(ApiProblem);
  await expect(client.upload(fileOf(randomBytes(9)), { resume: upload_id })).rejects.toThrow(/bytes/);
});

it("does not complete a tus upload before its last byte", async () => {
  const call = async (method: string, path: string, headers: Record<string, string> = {}, body?: string) => {
    const sent = { "x-api-key": KEY, "tus-resumable": "1.0.0", ...headers };
    const response = await fetch(new URL(path, controlPlane.url), {
      method,
      headers: sent,
      body: body ?? null,
    });
    return {
      status: response.status,
      location: response.headers.get("location"),
      text: await response.text(),
    };
  };
  const { location } = await call("POST", "/uploads/tus", { "upload-length": "10" });
  const upload = `/uploads/${location?.split("/").pop()}`;
  const append = (offset: number, body: string) => {
    const type = { "content-type": "application/offset+octet-stream", "upload-offset": String(offset) };
    return call("PATCH", `/uploads/tus/${upload.split("/").pop()}`, type, body);
  };
  expect((await append(0, "abc")).status).toBe(204);
  expect(JSON.parse((await call("GET", upload)).text)).toMatchObject({
    received_parts: [],
    received_bytes: 3,
  });
  expect(JSON.parse((await call("GET", `${upload}/parts`)).text)).toEqual({ parts: [] });
  const early = await call("POST", `${upload}/complete`);
  expect([early.status, JSON.parse(early.text)]).toMatchObject([409, { code: "upload_incomplete" }]);
  expect((await append(3, "defghij")).status).toBe(204);
  const whole = { status: "completed", received_parts: [1], received_bytes: 10 };
  expect(JSON.parse((await call("GET", upload)).text)).toMatchObject(whole);
  expect(JSON.parse((await call("POST", `${upload}/complete`)).text)).toMatchObject(whole);
});
