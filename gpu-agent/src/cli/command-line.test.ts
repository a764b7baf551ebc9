import { randomUUID } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobOptions } from "@splatt/shared";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { newJobRecord } from "../jobs/job-record.ts";
import { runCommandLine } from "./command-line.ts";

/** The command line: its output and exit codes. */

const BIN = join(import.meta.dirname, "..", "..", "bin", "splatt-agent");

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-cli-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Settings made here, even empty ones, take precedence over a .env in the project's folder. */
function environment(settings: Readonly<Record<string, string>>): Record<string, string> {
  return {
    WORKSPACE_ROOT: join(dir, "workspace"),
    CONTROL_PLANE_URL: "",
    AGENT_TOKEN: "",
    ENGINE: "",
    NERF_PYTHON_PATH: "",
    GPUS: "",
    KEEP_JOBS: "",
    WORKSPACE_MAX_BYTES: "",
    ...settings,
  };
}

interface Done {
  readonly exitCode?: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** In a process of its own. Starting one takes most of a short command's time. */
function program(args: readonly string[], settings: Record<string, string> = {}): Promise<Done> {
  return execa(BIN, args, { cwd: dir, reject: false, env: environment(settings) });
}

/** In this process. */
async function cli(args: readonly string[], settings: Record<string, string> = {}): Promise<Done> {
  const before = { ...process.env };
  const [stdout, stderr] = (["log", "error"] as const).map((name) => {
    const spy = vi.spyOn(console, name).mockImplementation(() => undefined);
    return () => spy.mock.calls.map((line) => line.join(" ")).join("\n");
  }) as [() => string, () => string];
  Object.assign(process.env, environment(settings));
  try {
    return { exitCode: await runCommandLine(args), stdout: stdout(), stderr: stderr() };
  } finally {
    vi.restoreAllMocks();
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

describe("splatt-agent", () => {
  it("lists its commands with a summary each", async () => {
    const help = await program(["--help"]);
    expect(help.exitCode).toBe(0);
    for (const name of ["start", "run", "doctor", "service", "gc", "pause", "resume", "status"]) {
      expect(help.stdout).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
    }
    const run = await cli(["run", "--help"]);
    expect(run).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("Usage: splatt-agent run VIDEO"),
    });
  });

  it.each([
    [["fly"], "Unknown command: fly"],
    [["constructor"], "Unknown command: constructor"],
    [["status", "--all"], "Unknown option '--all'"],
    [["resume", "now"], "Unexpected argument: now"],
    [["gc", "--keep", "few"], '--keep must be a whole number, not "few".'],
    [["gc", "--max-bytes", "20 apples"], '--max-bytes must be a size such as 20GB, not "20 apples".'],
    [["service"], "Missing argument: install or uninstall"],
    [["service", "install", "--user", "--run-as", "me"], "runs as you"],
    [["run"], "Missing argument: VIDEO"],
    [["run", "no-such.mp4"], "There is no file"],
    [["run", "."], "is a folder. Pack it"],
    [["run", "https://example.com/v.mp4", "--fps", "many"], "--fps:"],
    [["run", "https://example.com/v.mp4", "--engine", "fast"], "--engine:"],
    [["run", "https://example.com/v.mp4", "--start-sec", "5", "--end-sec", "4"], "--end-sec must be after"],
  ])("rejects %j", async (args, complaint) => {
    const { exitCode, stderr } = await cli(args);
    expect(stderr).toContain(complaint);
    expect(exitCode).toBe(2);
  });

  it("exits with the command's code", async () => {
    expect(await program(["fly"])).toMatchObject({
      exitCode: 2,
      stdout: "",
      stderr: expect.stringContaining("Unknown command: fly"),
    });
  });

  it("lists every invalid setting", async () => {
    const { exitCode, stderr } = await cli(["start"], { SLOTS: "-1", WORKSPACE_ROT: "/w" });
    expect(exitCode).toBe(2);
    for (const name of ["CONTROL_PLANE_URL", "AGENT_TOKEN", "SLOTS"])
      expect(stderr).toMatch(new RegExp(`^  ${name} `, "m"));
  });

  it("warns about a setting that looks misspelt", async () => {
    const { stderr } = await cli(["status"], { WORKSPACE_MAXBYTES: "20GB" });
    // WORKSPACE_MAX_BYTES is set, if only to "", so it is not suggested.
    expect(stderr).toBe("");
    expect((await cli(["status"], { COLMAP_PATHS: "/x" })).stderr).toBe(
      "Warning: Unknown setting COLMAP_PATHS. Did you mean COLMAP_PATH?",
    );
  });
});

describe("pause, status and resume without an agent", () => {
  it("save the pause for the next agent", async () => {
    expect((await cli(["pause", "--reason", "gaming"])).stdout).toContain("Paused.");
    const status = await cli(["status", "--json"]);
    expect(status.exitCode).toBe(1);
    expect(JSON.parse(status.stdout)).toMatchObject({ agent: null, paused: { reason: "gaming" } });
    expect((await cli(["status"])).stdout).toMatch(
      /none runs here\n.*Paused by its owner since .*: gaming\n/,
    );
    expect((await cli(["resume"])).stdout).toContain("No longer paused.");
    expect(JSON.parse((await cli(["status", "--json"])).stdout)).toMatchObject({ paused: null });
  });
});

describe("gc", () => {
  async function endedJob(endedAt: number): Promise<string> {
    const id = randomUUID();
    const folder = join(dir, "workspace", "jobs", id);
    const spec = {
      source: { kind: "upload" as const, size: 1 },
      options: JobOptions.parse({}),
      retry_of: null,
    };
    const record = newJobRecord({ job_id: id, attempt: 1, lease_id: randomUUID() }, spec, endedAt);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "job.json"), JSON.stringify({ ...record, state: "ended" }));
    return id;
  }

  it("lists what it would remove, then removes it", async () => {
    const [old, young] = [await endedJob(1_000_000), await endedJob(2_000_000)];
    const plan = await cli(["gc", "--keep", "1", "--dry-run"]);
    expect(plan.stdout).toMatch(new RegExp(`^  ${old}  ended 1970-01-01T00:16Z`));
    expect(plan.stdout).toMatch(/\nWould free \S+ KiB\.$/);
    expect(await readdir(join(dir, "workspace", "jobs"))).toHaveLength(2);
    const done = await cli(["gc", "--keep", "1", "--json"]);
    expect(JSON.parse(done.stdout)).toMatchObject({ removed: [{ jobId: old }], dry_run: false });
    expect(await readdir(join(dir, "workspace", "jobs"))).toEqual([young]);
    expect((await cli(["gc", "--keep", "1"])).stdout).toBe("Nothing to remove.");
  });
});

describe("doctor", () => {
  async function fakeProgram(name: string, script: string): Promise<string> {
    const path = join(dir, "fakes", name);
    await mkdir(join(dir, "fakes"), { recursive: true });
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    return path;
  }

  it("gives a remedy for each failed check and warning, and exits with 1 when a check failed", async () => {
    await fakeProgram(
      "nvidia-smi",
      'echo "Failed to initialize NVML: Driver/library version mismatch"; exit 18',
    );
    const colmap = await fakeProgram(
      "fake-colmap",
      'echo "COLMAP 3.9.1 -- Structure-from-Motion"; echo "(Commit x with CUDA)"',
    );
    const settings = {
      PATH: `${join(dir, "fakes")}:${process.env.PATH}`,
      COLMAP_PATH: colmap,
      FFMPEG_PATH: join(dir, "no-ffmpeg"),
    };
    const sick = await program(["doctor", "--json"], settings);
    expect(sick.exitCode).toBe(1);
    const { checks } = JSON.parse(sick.stdout) as {
      checks: { name: string; verdict: string; remedy: string | null }[];
    };
    const verdict = (name: string) => checks.find((check) => check.name === name)?.verdict;
    expect(verdict("GPU")).toBe("failure");
    expect(verdict("ffmpeg")).toBe("failure");
    expect(verdict("COLMAP")).toBe("ok");
    for (const check of checks)
      expect(check.remedy !== null).toBe(["failure", "warning"].includes(check.verdict));
  });

  it("passes on a machine without a GPU when ENGINE is builtin", async () => {
    const { exitCode, stdout } = await program(["doctor"], { ENGINE: "builtin" });
    expect(stdout).toMatch(/^✓ Engine +Runs builtin/m);
    expect(stdout).toMatch(/^(All checks passed|No check failed, \d+ warnings?)\.$/m);
    expect(exitCode).toBe(0);
  });
});
