import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, writeSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoCode } from "@splatt/shared";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type EmbeddedControlPlane, startControlPlane } from "./index.ts";
import { DiskWatch } from "./object-store/disk-watch.ts";

/** A control plane on a small disk that fills up and recovers. */

const KEY = "key-of-the-small-disk";
const MIB = 1024 * 1024;
const PART = 32 * MIB;
const POLL = { timeout: 60_000, interval: 100 };

const mountPoint = mkdtempSync(join(tmpdir(), "splatt-disk-"));
const canMount = mount("-t", "tmpfs", "-o", "size=160m", "tmpfs");
if (!canMount) console.log("Skipped: the tests of a full disk must be able to mount a tmpfs, as root.");

function mount(...options: string[]): boolean {
  try {
    execFileSync("mount", [...options, mountPoint], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/**
 * Fills the disk at once: the control plane in this process cannot free its ballast meanwhile.
 *
 * @returns a function that frees the space, at the latest at the test's end
 */
function fillDisk(): () => Promise<void> {
  const path = join(mountPoint, `filler-${crypto.randomUUID()}`);
  const file = openSync(path, "w");
  try {
    for (let bytes = MIB; bytes >= 4096; ) {
      try {
        writeSync(file, Buffer.alloc(bytes));
      } catch (error) {
        if (errnoCode(error) !== "ENOSPC") throw error;
        bytes /= 2;
      }
    }
  } finally {
    closeSync(file);
  }
  const free = () => rm(path, { force: true });
  onTestFinished(free);
  return free;
}

afterAll(() => rmdir(mountPoint));

describe.skipIf(!canMount)("the embedded control plane", () => {
  let controlPlane: EmbeddedControlPlane;
  const logged: string[] = [];
  beforeAll(async () => {
    controlPlane = await startControlPlane({
      dataDir: join(mountPoint, "data"),
      port: 0,
      apiKey: KEY,
      onLog: (level, text) => {
        if (level === "error") logged.push(text);
      },
    });
  });
  afterAll(async () => {
    await controlPlane.stop();
    execFileSync("umount", [mountPoint]);
  });

  async function request(method: string, path: string, body?: string | Uint8Array<ArrayBuffer>) {
    const response = await fetch(new URL(path, controlPlane.url), {
      method,
      headers: { "x-api-key": KEY },
      ...(body !== undefined && { body }),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    return { status: response.status, retryAfter: response.headers.get("retry-after"), answer };
  }
  const createJob = () =>
    request(
      "POST",
      "/jobs",
      JSON.stringify({ task_id: "t", video_url: "https://example.com/v.mp4", filename: "v.mp4" }),
    );
  const createUpload = () => request("POST", "/uploads", JSON.stringify({ filename: "v.mp4", size: PART }));
  const health = async () => (await request("GET", "/health")).answer;
  const isHealthy = () => expect.poll(health, POLL).toMatchObject({ status: "healthy" });

  /** Checks that writes are refused with a reason and reads work. */
  async function expectOnlyReads(jobId: unknown, uploadId: unknown): Promise<void> {
    for (const refused of [
      await createJob(),
      await request("POST", `/jobs/${jobId}/cancel`),
      await createUpload(),
      await request("PUT", `/uploads/${uploadId}/parts/1`, new Uint8Array(PART)),
    ]) {
      expect(refused).toMatchObject({
        status: 507,
        retryAfter: "30",
        answer: { code: "storage_full", hint: expect.stringContaining("recovers automatically") },
      });
    }
    expect(await request("GET", `/jobs/${jobId}`)).toMatchObject({
      status: 200,
      answer: { status: "queued" },
    });
    expect(await request("GET", `/uploads/${uploadId}`)).toMatchObject({ answer: { received_parts: [] } });
  }

  it("reports a full disk, refuses writes, and recovers without loss", async () => {
    const jobId = (await createJob()).answer.job_id;
    const uploadId = (await createUpload()).answer.upload_id;
    const freeDisk = fillDisk();
    // Also before the next check of the disk.
    for (let i = 0; i < 3; i++) expect([200, 507]).toContain((await createJob()).status);
    await expect.poll(health, POLL).toMatchObject({
      status: "degraded",
      active_jobs: 0,
      gpu_available: false,
      degraded: [
        { component: "storage", state: "full", message: expect.stringMatching(/full .* Free disk space/) },
      ],
    });
    await expectOnlyReads(jobId, uploadId);
    await controlPlane.tick();

    await freeDisk();
    await isHealthy();
    expect(await request("PUT", `/uploads/${uploadId}/parts/1`, new Uint8Array(PART))).toMatchObject({
      status: 200,
    });
    expect((await createJob()).status).toBe(200);
    expect(await request("POST", `/jobs/${jobId}/cancel`)).toMatchObject({ answer: { status: "cancelled" } });
    expect(await request("DELETE", `/uploads/${uploadId}`)).toMatchObject({ status: 200 });
  });

  it("is checked again when it fills during a check", async () => {
    const watch = new DiskWatch(mountPoint, () => undefined);
    await watch.look();
    expect(watch.state).toBeNull();
    void watch.look();
    fillDisk();
    await watch.recheck();
    expect(watch.state?.kind).toBe("full");
  });

  it("names the full disk also when others have taken the ballast's room", async () => {
    const jobId = (await createJob()).answer.job_id;
    const freeDisk = fillDisk();
    await expect.poll(() => existsSync(join(mountPoint, "data", ".ballast")), POLL).toBe(false);
    const freeRest = fillDisk();
    const [created, read] = [await createJob(), await request("GET", `/jobs/${jobId}`)];
    expect(created).toMatchObject({ status: 507, answer: { code: "storage_full" } });
    // The database may or may not be open already.
    expect([200, 507]).toContain(read.status);
    expect(await health()).toMatchObject({
      status: "degraded",
      degraded: expect.arrayContaining([expect.objectContaining({ component: "storage", state: "full" })]),
    });
    await freeDisk();
    await freeRest();
    await isHealthy();
    await expect.poll(async () => (await createJob()).status, POLL).toBe(200);
  });

  it("refuses only uploads that would fill the disk", async () => {
    const big = await request("POST", "/uploads", JSON.stringify({ filename: "v.mp4", size: 10 * PART }));
    const statuses: number[] = [];
    for (let part = 1; part <= 5; part++) {
      const path = `/uploads/${big.answer.upload_id}/parts/${part}`;
      statuses.push((await request("PUT", path, new Uint8Array(PART))).status);
    }
    expect(statuses.at(-1)).toBe(507);
    await isHealthy();
    expect((await createJob()).status).toBe(200);
    await request("DELETE", `/uploads/${big.answer.upload_id}`);
  });
});
