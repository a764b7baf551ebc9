import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobOptions } from "@splatt/shared";
import { afterEach, beforeEach, expect, it } from "vitest";
import { inheritStages } from "./inherit.ts";
import { newJobRecord } from "./job-record.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "splatt-inherit-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

it("inherits the stages whose folders survived a power cut", async () => {
  const [from, to] = [join(root, "ended"), join(root, "retry")];
  const fence = { job_id: randomUUID(), attempt: 1, lease_id: randomUUID() };
  const spec = {
    source: { kind: "upload" as const, size: 1 },
    options: JobOptions.parse({}),
    retry_of: null,
  };
  const stage = { key: "key", output: null, seconds: 1, files: [] };
  const record = newJobRecord(fence, spec, 0, { download: stage, frames: stage });
  await mkdir(join(from, "frames"), { recursive: true });
  await writeFile(join(from, "job.json"), JSON.stringify(record));
  await writeFile(join(from, "frames", "frame.jpg"), "a frame");
  await mkdir(to);

  expect(Object.keys(await inheritStages(from, to))).toEqual(["download", "frames"]);
  expect(await readFile(join(to, "frames", "frame.jpg"), "utf8")).toBe("a frame");
});
