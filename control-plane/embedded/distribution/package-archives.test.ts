import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writePackages } from "./package-archives.ts";

/** The packages as they are served, unpacked outside the repository. */

const run = promisify(execFile);
let dir: string;
const packageDir = () => join(dir, "package");
const launcher = () => join(packageDir(), "bin", "splatt-agent.cjs");

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-pack-"));
  await writePackages(dir);
  await run("tar", ["-xzf", join(dir, "splatt-agent.tgz"), "-C", dir]);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function manifest(): Promise<{ version: string; engines: { node: string }; dependencies: object }> {
  return JSON.parse(await readFile(join(packageDir(), "package.json"), "utf8"));
}

describe("the packages", () => {
  it("are listed with their versions and SHA-256", async () => {
    const { packages } = JSON.parse(await readFile(join(dir, "versions.json"), "utf8"));
    expect(Object.keys(packages).toSorted()).toEqual(["splatt", "splatt-agent"]);
    for (const { file, sha256, bytes } of Object.values<{ file: string; sha256: string; bytes: number }>(
      packages,
    )) {
      const content = await readFile(join(dir, file));
      expect({ sha256, bytes }).toEqual({
        sha256: createHash("sha256").update(content).digest("hex"),
        bytes: content.byteLength,
      });
    }
    expect(packages["splatt-agent"].version).toBe((await manifest()).version);
  });

  it("depend on exact versions of packages with native parts, and on nothing else", async () => {
    const { dependencies } = await manifest();
    expect(Object.keys(dependencies)).toEqual(["sharp", "webgpu"]);
    for (const version of Object.values(dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it("name no file of the machine that built them", async () => {
    const repository = join(import.meta.dirname, "..", "..", "..");
    for (const entry of await readdir(packageDir(), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const text = await readFile(join(entry.parentPath, entry.name), "latin1");
      expect(text.includes(repository), entry.name).toBe(false);
    }
  });
});

describe("the agent's launcher", () => {
  it("starts the program", async () => {
    const { stdout } = await run(process.execPath, [launcher(), "--version"], { cwd: tmpdir() });
    expect(stdout.trim()).toBe((await manifest()).version);
  });

  it("says what to do when Node is too old", async () => {
    const before = await readFile(join(packageDir(), "package.json"), "utf8");
    await writeFile(join(packageDir(), "package.json"), before.replace(">=22.15", ">=99.1"));
    const failed = await run(process.execPath, [launcher(), "--version"]).catch((error: unknown) => error);
    await writeFile(join(packageDir(), "package.json"), before);
    expect(failed).toMatchObject({ code: 2, stdout: "" });
    expect(String((failed as { stderr: string }).stderr)).toMatch(
      /needs Node 99\.1 or newer; this is Node 24.*\n.*\n\n {2}sudo npm install --global node@24/,
    );
  });
});
