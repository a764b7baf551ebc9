import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makePrivateFolder, saveNewApiKey } from "./private-files.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-private-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

it("makes an earlier version's folder private, and changes nothing outside it", async () => {
  const data = join(dir, "data");
  await mkdir(join(data, "deep"), { recursive: true, mode: 0o755 });
  await writeFile(join(data, "deep", "file"), "", { mode: 0o644 });
  await writeFile(join(data, "program"), "", { mode: 0o755 });
  await writeFile(join(dir, "foreign"), "");
  await chmod(join(dir, "foreign"), 0o644);
  await symlink(join(dir, "foreign"), join(data, "link"));
  await makePrivateFolder(data);
  expect(await modeOf(data)).toBe("700");
  expect(await modeOf(join(data, "deep"))).toBe("700");
  expect(await modeOf(join(data, "deep", "file"))).toBe("600");
  expect(await modeOf(join(data, "program"))).toBe("700");
  expect(await modeOf(join(dir, "foreign"))).toBe("644");
});

it("adds a new key to the other settings, readable only by the owner", async () => {
  const file = join(dir, ".env");
  await writeFile(file, "PORT=8081\nGPU_API_KEY=\n", { mode: 0o644 });
  const key = await saveNewApiKey(file);
  expect(key).toMatch(/^[\w-]{32}$/);
  expect(await readFile(file, "utf8")).toBe(`PORT=8081\nGPU_API_KEY=${key}\n`);
  expect(await modeOf(file)).toBe("600");
});
