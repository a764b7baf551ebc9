import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedControlPlane, startControlPlane } from "./index.ts";

/**
 * A control plane on a separate file system, on a loop device, which hangs, becomes read-only, or loses its storage.
 * A disk that is full or too small: disk-states.test.ts.
 */

const KEY = "key-of-the-faulty-disk";
const MIB = 1024 * 1024;
const PART = 8 * MIB;
const POLL = { timeout: 60_000, interval: 200 };
/** Longer than the control plane may need to notice, shorter than anything that waits for the disk. */
const SOON_MS = 40_000;

const canMount = tryToMount();
if (!canMount) {
  console.log("Skipped: the tests of faulty disks must be able to mount a loop device, as root on Linux.");
}

function tryToMount(): boolean {
  const dir = mkdtempSync(join(tmpdir(), "splatt-mount-"));
  try {
    run("truncate", "-s", "16M", join(dir, "image"));
    run("mkfs.ext4", "-q", "-F", join(dir, "image"));
    run("mkdir", join(dir, "mnt"));
    run("mount", "-o", "loop", join(dir, "image"), join(dir, "mnt"));
    run("fsfreeze", "--freeze", join(dir, "mnt"));
    run("fsfreeze", "--unfreeze", join(dir, "mnt"));
    run("umount", join(dir, "mnt"));
    return true;
  } catch {
    return false;
  } finally {
    execFileSync("rm", ["-rf", dir]);
  }
}

function run(file: string, ...args: string[]): void {
  execFileSync(file, args, { stdio: "ignore" });
}

describe.skipIf(!canMount)("the embedded control plane, when its disk", () => {
  let dir: string;
  let mountPoint: string;
  /** Holds the image of the disk, and can be filled. */
  let below: string;
  let controlPlane: EmbeddedControlPlane;
  let jobId: string;
  let uploadId: string;
  const undo: (() => void)[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "splatt-faults-"));
    [below, mountPoint] = [join(dir, "below"), join(dir, "disk")];
    await mkdir(below);
    await mkdir(mountPoint);
    run("mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", below);
    undo.push(() => run("umount", below));
    await writeFile(join(below, "image"), "");
    await truncate(join(below, "image"), 2048 * MIB);
    // A journal that cannot be written ends all writing until the next mount.
    run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", join(below, "image"));
    mountDisk();
    await start();
    jobId = String((await createJob()).answer.job_id);
    uploadId = String((await createUpload()).answer.upload_id);
  }, 60_000);
  afterEach(async () => {
    await controlPlane.stop();
    for (const step of undo.splice(0).toReversed()) step();
    await rm(dir, { recursive: true });
  }, 60_000);

  function mountDisk(): void {
    run("mount", "-o", "loop,errors=continue", join(below, "image"), mountPoint);
    undo.push(() => run("umount", mountPoint));
  }

  async function start(): Promise<void> {
    const dataDir = join(mountPoint, "data");
    controlPlane = await startControlPlane({ dataDir, port: 0, apiKey: KEY, onLog: () => undefined });
  }

  async function request(method: string, path: string, body?: string | Uint8Array<ArrayBuffer>) {
    const response = await fetch(new URL(path, controlPlane.url), {
      method,
      headers: { "x-api-key": KEY },
      signal: AbortSignal.timeout(SOON_MS),
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
  const putPart = () => request("PUT", `/uploads/${uploadId}/parts/1`, new Uint8Array(PART));
  const health = async () => (await request("GET", "/health")).answer;
  const refusal = (code: string) => ({
    status: 507,
    retryAfter: "30",
    answer: { code, hint: expect.stringContaining("recovers automatically") },
  });
  async function worksAgain(): Promise<void> {
    await expect.poll(health, POLL).toMatchObject({ status: "healthy" });
    expect(await request("GET", `/jobs/${jobId}`)).toMatchObject({
      status: 200,
      answer: { status: "queued" },
    });
    expect(await putPart()).toMatchObject({ status: 200 });
    expect(await request("POST", `/uploads/${uploadId}/complete`)).toMatchObject({ status: 200 });
    expect(await createJob()).toMatchObject({ status: 200 });
  }

  it("hangs, answers every request, and works again when the disk does", { timeout: 180_000 }, async () => {
    run("fsfreeze", "--freeze", mountPoint);
    let isFrozen = true;
    const thaw = () => {
      if (isFrozen) run("fsfreeze", "--unfreeze", mountPoint);
      isFrozen = false;
    };
    undo.push(thaw);
    try {
      // All at once, before the state of the disk is known.
      const [answered, part, ...writes] = await Promise.all([
        health(),
        putPart(),
        createJob(),
        createUpload(),
      ]);
      expect(answered).toMatchObject({
        status: "degraded",
        active_jobs: 0,
        degraded: expect.arrayContaining([expect.objectContaining({ component: "storage" })]),
      });
      for (const refused of [part, ...writes]) expect(refused).toMatchObject(refusal("storage_unwritable"));
      await expect.poll(health, POLL).toMatchObject({
        status: "degraded",
        degraded: expect.arrayContaining([
          expect.objectContaining({ state: "failing", message: expect.stringContaining("hangs") }),
        ]),
      });
      expect(await createJob()).toMatchObject(refusal("storage_unwritable"));
    } finally {
      thaw();
    }
    await worksAgain();
  });

  it("becomes read-only, says so, and works again after a restart", { timeout: 180_000 }, async () => {
    // As the kernel does after an error. This file system stays so until it is mounted again.
    run("sync", "--file-system", mountPoint);
    run("mount", "-o", "remount,abort", mountPoint);
    await expect.poll(health, POLL).toMatchObject({
      status: "degraded",
      degraded: expect.arrayContaining([expect.objectContaining({ state: "read_only" })]),
    });
    for (const refused of [await createJob(), await createUpload(), await putPart()]) {
      expect(refused).toMatchObject(refusal("storage_unwritable"));
    }
    await controlPlane.stop();
    undo.pop()?.();
    mountDisk();
    await start();
    await worksAgain();
  });

  it("claims free space that it lacks, like a thin volume, and works again", {
    timeout: 180_000,
  }, async () => {
    const filler = join(below, "filler");
    await expect(writeFile(filler, Buffer.alloc(600 * MIB))).rejects.toThrow(/ENOSPC/);
    await expect.poll(putPart, POLL).toMatchObject({ status: 507, retryAfter: "30" });
    await expect.poll(health, POLL).toMatchObject({ status: "degraded" });
    await rm(filler);
    await worksAgain();
  });
});
