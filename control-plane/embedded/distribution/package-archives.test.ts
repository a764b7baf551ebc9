import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writePackages } from "./package-archives.ts";
import { TSC } from "./type-declarations.ts";

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

  it("depend on exact versions of packages with native parts and of libheif, and on nothing else", async () => {
    const { dependencies } = await manifest();
    expect(Object.keys(dependencies)).toEqual(["sharp", "libheif-js"]);
    for (const version of Object.values(dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it("bring the client's types, which need nothing else", async () => {
    const project = join(dir, "project");
    await mkdir(join(project, "node_modules", "splatt"), { recursive: true });
    const client = ["-xzf", join(dir, "splatt.tgz"), "--strip-components=1"];
    await run("tar", [...client, "-C", join(project, "node_modules", "splatt")]);
    const program = `import { Splatt, verifyWebhook } from "splatt";
      import { downloadFile } from "splatt/node";
      const job = await new Splatt({ url: "https://x", apiKey: "k" }).createJob({ task_id: "t" });
      export const id: string = job.job_id;
      // @ts-expect-error: a wrong type is found, so none of them is "any".
      export const progress: string = (await new Splatt().getJobStatus(id)).progress;
      // @ts-expect-error
      export const event: number = await verifyWebhook(new Headers(), "", "");
      // @ts-expect-error
      export const download: number = downloadFile;`;
    await writeFile(join(project, "program.mts"), program);
    const options = ["--strict", "--noEmit", "--skipLibCheck", "--types", "node", "--typeRoots"];
    const typeRoots = join(import.meta.dirname, "../../../node_modules/@types");
    const target = ["--module", "nodenext", "--target", "es2024", "--lib", "es2024,dom,dom.asynciterable"];
    const args = [TSC, ...options, typeRoots, ...target, "program.mts"];
    await run(process.execPath, args, { cwd: project });
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

  describe("with a Node that is too old", () => {
    let before: string;
    beforeAll(async () => {
      before = await readFile(join(packageDir(), "package.json"), "utf8");
      await writeFile(join(packageDir(), "package.json"), before.replace(">=22.15", ">=99.1"));
      await mkdir(join(dir, "bin"));
    });
    afterAll(() => writeFile(join(packageDir(), "package.json"), before));

    /** @param npx a script that stands in for npx, the only program on the PATH */
    async function launch(npx: string, args: readonly string[]) {
      await writeFile(join(dir, "bin", "npx"), `#!/bin/sh\n${npx}\n`, { mode: 0o755 });
      const { npm_execpath: _, ...environment } = process.env;
      const env = { ...environment, PATH: join(dir, "bin") };
      return run(process.execPath, [launcher(), ...args], { env }).then(
        (done) => ({ code: 0, ...done }),
        (error: { code: number; stdout: string; stderr: string }) => error,
      );
    }

    it("runs the program with a newer one from npm", async () => {
      const done = await launch(`echo "${process.execPath}"`, ["--version"]);
      expect(done).toMatchObject({ code: 0, stderr: expect.stringContaining("node@24 from npm") });
      expect(done.stdout.trim()).toBe((await manifest()).version);
    });

    it("exits as the program does", async () => {
      expect(await launch(`echo "${process.execPath}"`, ["no-such-command"])).toMatchObject({ code: 2 });
    });

    it.each([
      ["there is no network", "exit 1"],
      ["what npx names does not exist", "echo /no/such/node"],
    ])("says what to do when %s", async (_, npx) => {
      const failed = await launch(npx, ["--version"]);
      expect(failed).toMatchObject({ code: 2, stdout: "" });
      expect(failed.stderr).toMatch(
        /needs Node 99\.1 or newer; this is Node 24.*\n.*\n\n {2}(?:sudo )?npm install --global node@24/,
      );
    });
  });
});
