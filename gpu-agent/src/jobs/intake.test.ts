import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobOptions, type JobSpec } from "@splatt/shared";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Intake } from "./intake.ts";
import { loadJobRecord } from "./job-record.ts";
import { Workspace } from "./workspace.ts";

const FENCE = { job_id: "8c3f4a52-0f8e-4f57-9d4e-0e7a3d8f1b11", attempt: 1, lease_id: "lease-1" };
const SPEC: JobSpec = {
  source: { kind: "url", url: "https://videos.test/v.mp4" },
  options: JobOptions.parse({}),
  retry_of: null,
};

let workspace: Workspace;
let intake: Intake;
beforeEach(async () => {
  workspace = new Workspace(await mkdtemp(join(tmpdir(), "splatt-intake-")));
  intake = new Intake(workspace);
});
afterEach(() => rm(workspace.root, { recursive: true, force: true }));

it("saves the record before the job is adopted, and holds its folder until then", async () => {
  const taken = intake.take(FENCE, SPEC, (file) => {
    expect(intake.uses(FENCE.job_id)).toBe(true);
    return file.record.fence;
  });
  expect(intake.arriving).toBe(1);
  expect(await taken).toEqual({ ok: true, value: FENCE });
  expect(intake.arriving).toBe(0);
  expect(intake.uses(FENCE.job_id)).toBe(false);
  expect(await loadJobRecord(workspace.jobDir(FENCE.job_id))).toMatchObject({ fence: FENCE });
});

it("keeps what an earlier attempt finished", async () => {
  const record = { key: "k", output: null, seconds: 1, files: [] };
  const first = await intake.take(FENCE, SPEC, (file) => file);
  if (!first.ok) throw new Error(first.error.detail);
  await first.value.update({ stages: { download: record } });
  const next = { ...FENCE, attempt: 2, lease_id: "lease-2" };
  const taken = await intake.take(next, SPEC, (file) => file.record);
  expect(taken).toMatchObject({ value: { fence: next, stages: { download: record } } });
});

it("holds nothing when the folder cannot be created", async () => {
  await mkdir(join(workspace.root, "jobs"), { recursive: true });
  await writeFile(workspace.jobDir(FENCE.job_id), "a file where the folder should be");
  const adopted: unknown[] = [];
  await expect(intake.take(FENCE, SPEC, (file) => adopted.push(file))).rejects.toThrow("EEXIST");
  expect(adopted).toEqual([]);
  expect(intake.uses(FENCE.job_id)).toBe(false);
});

it("holds the job that two others retry until both have its stages", async () => {
  const original = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed";
  const retry = { ...SPEC, retry_of: original };
  const record = join(workspace.jobDir(original), "job.json");
  await mkdir(workspace.jobDir(original), { recursive: true });
  // Whoever reads it waits for the end of the writer, which opens when somebody reads.
  execFileSync("mkfifo", [record]);
  const slow = intake.take(FENCE, retry, () => null);
  const writer = await open(record, "w");
  await rm(record);
  await intake.take({ ...FENCE, job_id: "9f0c1f0e-3a55-4c58-bf0d-2f2b8b9ce0aa" }, retry, () => null);
  expect(intake.uses(original)).toBe(true);
  await writer.close();
  await slow;
  expect(intake.uses(original)).toBe(false);
});
