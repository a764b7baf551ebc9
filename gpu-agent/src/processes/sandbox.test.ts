import { chmod, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { findProgram } from "./find-program.ts";
import { foldersOf, type ProbeFinding, Sandbox, strongestMethod } from "./sandbox.ts";
import { METHODS, protects, type SandboxMethod } from "./sandbox-methods.ts";

describe("strongestMethod", () => {
  const all: ProbeFinding = { readsFiles: false, usesNetwork: false };
  const files: ProbeFinding = { readsFiles: false, usesNetwork: true };
  const network: ProbeFinding = { readsFiles: true, usesNetwork: false };
  const nothing: ProbeFinding = { readsFiles: true, usesNetwork: true };

  it.each<[string, [SandboxMethod, ProbeFinding][], SandboxMethod | null]>([
    [
      "the first that keeps all",
      [
        ["bubblewrap", null],
        ["bubblewrap-proc", all],
        ["network", network],
      ],
      "bubblewrap-proc",
    ],
    [
      "files before the network",
      [
        ["landlock", files],
        ["network", network],
      ],
      "landlock",
    ],
    [
      "the network where there is nothing else",
      [
        ["landlock", nothing],
        ["network", network],
      ],
      "network",
    ],
    [
      "none that keeps nothing",
      [
        ["bubblewrap", nothing],
        ["network", null],
      ],
      null,
    ],
    ["none where there is none", [], null],
  ])("takes %s", (_, findings, method) => {
    expect(strongestMethod(findings)).toBe(method);
  });
});

let dir: string;
beforeEach(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), "splatt-sandbox-test-")));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function script(path: string, text: string): Promise<string> {
  await writeFile(path, `#!/bin/bash\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

describe("foldersOf", () => {
  it("takes a conda environment's folders, also through a link", async () => {
    for (const folder of ["env/bin", "env/lib", "env/share", "env/private", "links"])
      await mkdir(join(dir, folder), { recursive: true });
    const program = await script(join(dir, "env/bin/colmap"), "");
    await symlink(program, join(dir, "links/colmap"));
    expect(foldersOf(join(dir, "links/colmap"), "/home/ada").toSorted()).toEqual(
      ["env/bin", "env/lib", "env/share", "links"].map((name) => join(dir, name)),
    );
  });

  it("never takes what a home folder shares with others", async () => {
    for (const folder of [".local/bin", ".local/lib", ".local/share"])
      await mkdir(join(dir, folder), { recursive: true });
    const program = await script(join(dir, ".local/bin/ffmpeg"), "");
    expect(foldersOf(program, dir)).toEqual([join(dir, ".local/bin"), join(dir, ".local/lib")]);
  });

  it("adds nothing for the system's programs", () => {
    expect(foldersOf("/usr/bin/env", "/home/ada")).toEqual([]);
  });
});

/** What the machine that runs the tests has; a method that is not installed is tested where it is. */
const working: SandboxMethod[] = [];
for (const method of METHODS) if ((await new Sandbox([method]).method()) !== null) working.push(method);

it.skipIf(working.length === 0)("is probed again when it could not be", async () => {
  const sandbox = new Sandbox(working);
  vi.stubEnv("TMPDIR", join(dir, "missing"));
  await expect(sandbox.program("/bin/true")).rejects.toThrow("ENOENT");
  vi.stubEnv("TMPDIR", dir);
  expect(await sandbox.program("/bin/true")).toMatchObject({ reason: null });
  vi.unstubAllEnvs();
});

describe.skipIf(process.platform !== "linux").each(working)(
  "a decoder that a video took over, under %s",
  (method) => {
    const sandbox = new Sandbox([method]);
    let server: Server;
    let port: number;
    let connections: number;
    beforeEach(async () => {
      connections = 0;
      server = createServer((socket) => {
        connections++;
        socket.destroy();
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const address = server.address();
      port = typeof address === "object" && address !== null ? address.port : 0;
      for (const folder of ["bin", "own", "others"]) await mkdir(join(dir, folder));
      await writeFile(join(dir, "others/canary"), "canary");
      await writeFile(join(dir, "video"), "video");
    });
    afterEach(() => server.close());

    /** Runs a fake decoder from its own folder. @returns what it printed */
    async function decode(text: string): Promise<string> {
      // The sandbox probes it by running it with its help option.
      const file = await script(join(dir, "bin/decoder"), `[ "$1" = -h ] && exit 0\n${text}`);
      const cwd = join(dir, "own");
      const launch = await sandbox.launch({ file, args: [] }, cwd, { reads: [join(dir, "video")] });
      return (await execa(launch.file, launch.args, { cwd, all: true, reject: false })).all;
    }

    it.runIf(protects(method).files)("reads no file of others", async () => {
      const said = await decode(
        `cat ../others/canary; cat ${dir}/others/canary; cat /proc/${process.pid}/environ; cat /etc/passwd; ls ~`,
      );
      expect(said).not.toContain("canary\n");
      expect(said).not.toMatch(/canary$|PATH=|root:/);
      expect(said).toMatch(/No such file|Permission denied/);
    });

    it.runIf(protects(method).files)("writes to no folder of others", async () => {
      await decode(`echo x > ${dir}/others/new; echo x > ${dir}/video; echo x > ${dir}/others/canary`);
      await expect(readFile(join(dir, "others/new"))).rejects.toThrow("ENOENT");
      expect(await readFile(join(dir, "video"), "utf8")).toBe("video");
      expect(await readFile(join(dir, "others/canary"), "utf8")).toBe("canary");
    });

    it.runIf(protects(method).network)("reaches no server", async () => {
      await decode(`exec 3<>/dev/tcp/127.0.0.1/${port}`);
      expect(connections).toBe(0);
    });

    it("reads its input and writes to its folder", async () => {
      expect(await decode(`cat ${dir}/video; echo made > result; cat result`)).toBe("videomade");
      expect(await readFile(join(dir, "own/result"), "utf8")).toBe("made\n");
    });

    it("leaves no core dump", async () => {
      expect(await decode("ulimit -c")).toBe("0");
    });

    it("can reach all of it outside", async () => {
      const attack = `cat ${dir}/others/canary; exec 3<>/dev/tcp/127.0.0.1/${port}`;
      const file = await script(join(dir, "bin/free"), attack);
      expect((await execa(file, { reject: false })).stdout).toBe("canary");
      await expect.poll(() => connections).toBe(1);
    });

    it.each(["ffmpeg", "ffprobe", "colmap"])("lets the real %s start", async (name) => {
      const path = findProgram(name);
      if (path === null) return;
      expect(await sandbox.program(path)).toEqual({ method, program: [], reason: null });
    });
  },
);

describe.skipIf(working.length === 0)("a program that needs files from elsewhere", () => {
  it("gets a weaker sandbox, with the reason", async () => {
    for (const folder of ["bin", "elsewhere"]) await mkdir(join(dir, folder));
    await writeFile(join(dir, "elsewhere/needed"), "x");
    const file = await script(join(dir, "bin/colmap"), `cat ${dir}/elsewhere/needed`);
    const { method, reason } = await new Sandbox().program(file);
    expect(method === null || method === "network").toBe(true);
    expect(reason).toContain(file);
  });
});
