import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeFolderPrivate } from "./private-folder.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-private-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

it("creates a folder that only its owner can open", async () => {
  await makeFolderPrivate(join(dir, "new/workspace"));
  expect(await modeOf(join(dir, "new/workspace"))).toBe("700");
});

it("closes files that an older version left open, even in a linked folder", async () => {
  await mkdir(join(dir, "workspace/jobs/a"), { recursive: true });
  await writeFile(join(dir, "workspace/jobs/a/job.json"), "{}");
  await writeFile(join(dir, "workspace/run.sh"), "");
  await writeFile(join(dir, "outside"), "");
  for (const [path, mode] of [
    ["workspace", 0o755],
    ["workspace/jobs", 0o775],
    ["workspace/jobs/a", 0o755],
    ["workspace/jobs/a/job.json", 0o644],
    ["workspace/run.sh", 0o755],
    ["outside", 0o644],
  ] as const)
    await chmod(join(dir, path), mode);
  await symlink(join(dir, "outside"), join(dir, "workspace/link"));
  await symlink(join(dir, "workspace"), join(dir, "alias"));

  await makeFolderPrivate(join(dir, "alias"));

  expect(await modeOf(join(dir, "workspace"))).toBe("700");
  expect(await modeOf(join(dir, "workspace/jobs"))).toBe("700");
  expect(await modeOf(join(dir, "workspace/jobs/a"))).toBe("700");
  expect(await modeOf(join(dir, "workspace/jobs/a/job.json"))).toBe("600");
  expect(await modeOf(join(dir, "workspace/run.sh"))).toBe("700");
  expect(await modeOf(join(dir, "outside"))).toBe("644");
});
