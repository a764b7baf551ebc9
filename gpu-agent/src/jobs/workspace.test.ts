import { randomUUID } from "node:crypto";
import { link, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobOptions } from "@splatt/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newJobRecord } from "./job-record.ts";
import { Workspace } from "./workspace.ts";

const KIB = 1024;
const GIB = 1024 ** 3;
const ALL = { keepJobs: 100, maxBytes: Number.MAX_SAFE_INTEGER };
const nothingHeld = () => false;

let root: string;
let workspace: Workspace;
let free: number;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "splatt-workspace-"));
  free = 1000 * GIB;
  workspace = new Workspace(root, async () => free);
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** A job's folder with a file of some KiB. @param endedAt null for one that runs */
async function makeJob(endedAt: number | null, kib: number): Promise<string> {
  const id = randomUUID();
  const fence = { job_id: id, attempt: 1, lease_id: randomUUID() };
  const spec = {
    source: { kind: "upload" as const, size: 1 },
    options: JobOptions.parse({}),
    retry_of: null,
  };
  const record = {
    ...newJobRecord(fence, spec, endedAt ?? 0),
    state: endedAt === null ? "running" : "ended",
  };
  await mkdir(join(workspace.jobDir(id), "download"), { recursive: true });
  await writeFile(join(workspace.jobDir(id), "job.json"), JSON.stringify(record));
  await writeFile(join(workspace.jobDir(id), "download", "source"), Buffer.alloc(kib * KIB, 1));
  return id;
}

async function left(): Promise<string[]> {
  return (await readdir(join(root, "jobs"))).toSorted();
}

describe("cleaning the workspace", () => {
  it("removes the oldest ended jobs until at most KEEP_JOBS are left", async () => {
    const [second, third, first] = [await makeJob(20, 1), await makeJob(30, 1), await makeJob(10, 1)];
    const { removed } = await workspace.gc({ ...ALL, keepJobs: 1 }, nothingHeld);
    expect(removed.map(({ jobId }) => jobId)).toEqual([first, second]);
    expect(await left()).toEqual([third]);
    expect(await readdir(root)).toEqual(["jobs"]);
  });

  it("removes them until the workspace is small enough, and returns what is left", async () => {
    const [old, young] = [await makeJob(10, 900), await makeJob(20, 300)];
    const running = await makeJob(null, 600);
    const { bytes: before } = await workspace.usage(nothingHeld);
    expect(before).toBeGreaterThan(1800 * KIB);
    const { removed, bytes } = await workspace.gc({ ...ALL, maxBytes: 1200 * KIB }, nothingHeld);
    expect(removed).toMatchObject([{ jobId: old, endedAt: 10 }]);
    expect(removed[0]?.bytes).toBeGreaterThan(890 * KIB);
    expect(await left()).toEqual([running, young].toSorted());
    expect(bytes).toBe((await workspace.usage(nothingHeld)).bytes);
  });

  it("removes them regardless of the limits when the disk is almost full", async () => {
    const [old, young] = [await makeJob(10, 900), await makeJob(20, 300)];
    free = 5 * GIB - 600 * KIB;
    await workspace.gc(ALL, nothingHeld);
    expect(await left()).toEqual([young]);
    expect(old).not.toBe(young);
  });

  it("never touches a running or held job", async () => {
    const running = await makeJob(null, 10);
    const held = await makeJob(10, 10);
    const { removed } = await workspace.gc({ keepJobs: 0, maxBytes: 0 }, (id) => id === held);
    expect(removed).toEqual([]);
    expect(await left()).toEqual([running, held].toSorted());
  });

  it("counts files shared by a retry and its original once", async () => {
    const [old, young] = [await makeJob(10, 1), await makeJob(20, 1000)];
    const shared = join(workspace.jobDir(old), "download", "video");
    await link(join(workspace.jobDir(young), "download", "source"), shared);
    const { bytes, ended } = await workspace.usage(nothingHeld);
    expect(bytes).toBeLessThan(1100 * KIB);
    expect(ended.find(({ jobId }) => jobId === old)?.bytes).toBeLessThan(50 * KIB);
  });

  it("removes folders without a record like jobs that ended when they were last changed", async () => {
    const stray = workspace.jobDir("stray");
    await mkdir(stray, { recursive: true });
    await utimes(stray, 5, 5);
    const job = await makeJob(20_000, 1);
    const { removed } = await workspace.gc({ ...ALL, keepJobs: 1 }, nothingHeld);
    expect(removed).toMatchObject([{ jobId: "stray", endedAt: 5000 }]);
    expect(await left()).toEqual([job]);
  });

  it("removes nothing in a dry run", async () => {
    const job = await makeJob(10, 1);
    const { removed } = await workspace.gc({ ...ALL, keepJobs: 0 }, nothingHeld, true);
    expect(removed.map(({ jobId }) => jobId)).toEqual([job]);
    expect(await left()).toEqual([job]);
  });

  it("does nothing in a workspace that was never used", async () => {
    expect(await workspace.gc({ keepJobs: 0, maxBytes: 0 }, nothingHeld)).toMatchObject({ removed: [] });
  });

  it("ends the removals that a crash interrupted", async () => {
    await mkdir(join(root, "trash", "half-removed"), { recursive: true });
    await mkdir(join(root, "removed-job-1", "half-removed"), { recursive: true });
    await workspace.lock();
    await workspace.unlock();
    expect(await readdir(root)).not.toEqual(expect.arrayContaining([expect.stringMatching(/trash|removed/)]));
  });

  it("leaves nothing of a job that it forgets", async () => {
    const job = await makeJob(10, 1);
    await workspace.forget(job);
    expect(await readdir(root)).toEqual(["jobs"]);
    await workspace.forget("never there");
  });
});
