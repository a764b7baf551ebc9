import { createHash, randomBytes } from "node:crypto";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { type EmbeddedControlPlane, startControlPlane } from "./index.ts";

/** The backup that docs/operations.md describes: the data folder of a stopped control plane, copied. */

const KEY = "key-of-the-backup";
const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "splatt-backup-"));
  folders.push(made);
  return made;
}

const start = (dataDir: string) =>
  startControlPlane({ dataDir, port: 0, apiKey: KEY, onLog: () => undefined });

async function call<T>(
  { url }: EmbeddedControlPlane,
  method: string,
  path: string,
  body: string | Uint8Array<ArrayBuffer> | null = null,
  headers: Record<string, string> = {},
): Promise<T> {
  const answer = await fetch(new URL(path, url), { method, headers: { "x-api-key": KEY, ...headers }, body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${text}`);
  return (text === "" ? null : JSON.parse(text)) as T;
}

it("brings back jobs, videos and half-sent uploads as they were, and nothing that came later", async () => {
  const dataDir = await folder();
  const bytes = new Uint8Array(randomBytes(3_000_000));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const before = await start(dataDir);
  const begin = () =>
    call<{ upload_id: string }>(
      before,
      "POST",
      "/uploads",
      JSON.stringify({ filename: "v.mp4", size: bytes.byteLength, sha256 }),
    );
  const [complete, halfSent] = [await begin(), await begin()];
  for (const { upload_id } of [complete, halfSent]) {
    await call(before, "PUT", `/uploads/${upload_id}/parts/1`, bytes);
  }
  await call(before, "POST", `/uploads/${complete.upload_id}/complete`);
  const body = JSON.stringify({ task_id: "t", upload_id: complete.upload_id });
  const { job_id } = await call<{ job_id: string }>(before, "POST", "/jobs", body);
  await before.stop();
  const copy = join(await folder(), "copy");
  await cp(dataDir, copy, { recursive: true });

  const later = await start(dataDir);
  await call(later, "POST", `/jobs/${job_id}/cancel`);
  await call(later, "DELETE", `/jobs/${job_id}`);
  await call(
    later,
    "POST",
    "/jobs",
    JSON.stringify({ task_id: "later", video_url: "https://example.com/v.mp4", filename: "v.mp4" }),
  );
  await later.stop();

  const restored = await start(copy);
  try {
    expect(await call(restored, "GET", `/jobs/${job_id}`)).toMatchObject({ status: "queued", task_id: "t" });
    expect(await call(restored, "GET", "/jobs")).toMatchObject({ total: 1 });
    expect(await call(restored, "GET", `/uploads/${complete.upload_id}`)).toMatchObject({
      status: "completed",
    });
    // Assembling verifies the SHA-256 of the bytes that the copy holds.
    await restored.tick();
    const path = `/uploads/${halfSent.upload_id}/complete`;
    expect(await call(restored, "POST", path)).toMatchObject({ status: "completed" });
  } finally {
    await restored.stop();
  }
});
