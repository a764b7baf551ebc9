import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { networkFileSystem } from "./file-system.ts";
import { tryFolder } from "./folder-trial.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-trial-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

it("accepts a local folder, creates it, and leaves nothing in it", async () => {
  const folder = join(dir, "mes vidéos", "workspace");
  expect(await tryFolder(folder)).toMatchObject({ problem: null });
  expect(await readdir(folder)).toEqual([]);
});

it("reports why a folder is unusable", async () => {
  await writeFile(join(dir, "file"), "");
  expect((await tryFolder(join(dir, "file"))).problem).toMatch(/EEXIST|ENOTDIR/);
  expect((await tryFolder(join(dir, "file", "workspace"))).problem).toMatch(/ENOTDIR/);
});

it.each([
  [0x6969, "NFS"],
  [0xff534d42, "CIFS"],
  // As a signed number, which statfs returns on some systems.
  [0xff534d42 | 0, "CIFS"],
  [0xef53, null],
  [0x9123683e, null],
])("recognises the file system %i as %s", (type, name) => {
  expect(networkFileSystem(type)).toBe(name);
});
