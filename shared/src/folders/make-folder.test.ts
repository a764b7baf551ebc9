import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { folderProblem, makeFolder } from "./make-folder.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-folder-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe("makeFolder", () => {
  it("creates a folder and those above it with the mode, and accepts one that exists", async () => {
    const folder = join(dir, "a", "b", "c");
    await Promise.all([makeFolder(folder, 0o700), makeFolder(folder, 0o700)]);
    await makeFolder(folder);
    for (const path of [folder, join(dir, "a")]) expect((await stat(path)).mode & 0o777).toBe(0o700);
  });

  it("creates it also while others create it and its parents", async () => {
    const parts = ["a", "b", "c", "d", "e", "f"];
    for (let round = 0; round < 50; round++) {
      const folder = join(dir, String(round), ...parts);
      await Promise.all(
        Array.from({ length: 8 }, (_, i) => makeFolder(join(folder, ...Array(i % 3).fill("..")))),
      );
      expect((await stat(folder)).isDirectory()).toBe(true);
    }
  });

  it("accepts a link to a folder", async () => {
    await mkdir(join(dir, "real"));
    await symlink("real", join(dir, "link"));
    await makeFolder(join(dir, "link"));
    await makeFolder(join(dir, "link", "below"));
    expect((await stat(join(dir, "real", "below"))).isDirectory()).toBe(true);
  });

  it.each([
    ["a file", "file", "it is not a folder, or a link that leads nowhere (EEXIST)"],
    ["below a file", "file/x", "a part of its path is not a folder (ENOTDIR)"],
    ["a link to nothing", "dangling", "it is not a folder, or a link that leads nowhere (EEXIST)"],
    ["below a link to nothing", "dangling/x/y", "it is not a folder, or a link that leads nowhere (EEXIST)"],
    ["a loop of links", "loop", "it is not a folder, or a link that leads nowhere (EEXIST)"],
    ["below a loop of links", "loop/x", "its path is a loop of links (ELOOP)"],
    ["a long name", "n".repeat(300), "its name is too long (ENAMETOOLONG)"],
  ])("refuses at once, and says why: %s", async (_, path, problem) => {
    await writeFile(join(dir, "file"), "");
    await symlink(join(dir, "nowhere"), join(dir, "dangling"));
    await symlink("loop", join(dir, "loop"));
    const error = await makeFolder(join(dir, path)).catch((thrown: unknown) => thrown);
    expect(folderProblem(error)).toBe(problem);
  });

  it.runIf(process.platform === "linux").each(["/proc/x", "/proc/x/y/z", "/proc/self/x"])(
    "refuses %s, where Node's own mkdir never ends",
    async (path) => {
      const error = await makeFolder(path).catch((thrown: unknown) => thrown);
      expect(folderProblem(error)).toBe("it cannot be created there (ENOENT)");
    },
  );

  it("knows no problem in an error that is not about folders", () => {
    expect(folderProblem(new Error("x"))).toBeNull();
    expect(folderProblem(Object.assign(new Error("x"), { code: "ECONNRESET" }))).toBeNull();
  });
});
