import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FOLDER_MARK, killOrphans } from "./orphans.ts";
import { isRunning } from "./proc-stat.ts";
import { LineSplitter, runTool, type ToolCall } from "./run-tool.ts";

function call(script: string, overrides: Partial<ToolCall> = {}): ToolCall {
  return {
    file: process.execPath,
    args: ["-e", script],
    cwd: ".",
    signal: new AbortController().signal,
    timeoutMs: 60_000,
    silenceMs: 60_000,
    onLine: () => undefined,
    ...overrides,
  };
}

describe("runTool", () => {
  it("returns the lines of both streams and the exit code", async () => {
    const lines: string[] = [];
    const result = await runTool(
      call(
        "console.log('one'); process.stdout.write('two\\rthree'); console.error('four'); process.exitCode = 7",
        {
          onLine: (line, stream) => lines.push(`${stream}: ${line}`),
        },
      ),
    );
    expect(lines.toSorted()).toEqual(["stderr: four", "stdout: one", "stdout: three", "stdout: two"]);
    expect(result).toMatchObject({ ok: true, value: { exitCode: 7, signal: null } });
  });

  it("keeps the agent's secrets from the tool", async () => {
    vi.stubEnv("AGENT_TOKEN", "canary");
    vi.stubEnv("CUDA_HOME", "/opt/cuda");
    const lines: string[] = [];
    await runTool(
      call("console.log(JSON.stringify(process.env))", {
        env: { ADDED: "yes" },
        onLine: (line) => lines.push(line),
      }),
    );
    vi.unstubAllEnvs();
    const environment: unknown = JSON.parse(lines.join(""));
    expect(environment).toMatchObject({ CUDA_HOME: "/opt/cuda", ADDED: "yes" });
    expect(environment).not.toHaveProperty("AGENT_TOKEN");
  });

  it("reports a missing program", async () => {
    const result = await runTool(call("", { file: "no-such-program-here" }));
    expect(result).toEqual({
      ok: false,
      error: { code: "tool_missing", detail: "no-such-program-here was not found." },
    });
  });

  it("kills a program that falls silent", async () => {
    const result = await runTool(call("setInterval(() => {}, 1000)", { silenceMs: 50 }));
    expect(result).toMatchObject({ ok: false, error: { code: "stage_stalled" } });
  });

  it("kills a program that runs too long", async () => {
    const result = await runTool(call("setInterval(() => console.log('x'), 5)", { timeoutMs: 300 }));
    expect(result).toMatchObject({ ok: false, error: { code: "stage_timeout" } });
  });

  it("kills the whole process group on cancel, including grandchildren", async () => {
    const cancel = new AbortController();
    let grandchild = 0;
    const script = `
      const child = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    const result = await runTool(
      call(script, {
        signal: cancel.signal,
        onLine: (line) => {
          grandchild = Number(line);
          cancel.abort();
        },
      }),
    );
    expect(result).toMatchObject({ ok: false, error: { code: "agent_stopped" } });
    expect(grandchild).toBeGreaterThan(0);
    await expect.poll(() => isRunning(grandchild)).toBe(false);
  });

  it.each([
    ["process.kill(process.pid, 'SIGKILL')", "out_of_memory"],
    ["process.exitCode = 137", "out_of_memory"],
    ["console.error('write: No space left on device'); process.exitCode = 1", "disk_full"],
  ])("recognises by %s that the machine ran out of a resource", async (script, code) => {
    expect(await runTool(call(script))).toMatchObject({ ok: false, error: { code } });
  });

  it("ignores a shortage when the tool succeeds", async () => {
    expect(await runTool(call("console.error('No space left on device')"))).toMatchObject({ ok: true });
  });

  it("reports a missing folder, not a missing program", async () => {
    const result = await runTool(call("", { cwd: "/no-such-folder-here" }));
    expect(result).toMatchObject({ ok: false, error: { code: "workspace_unusable" } });
  });

  it("reports a program that is not executable", async () => {
    const result = await runTool(call("", { file: "/etc/passwd" }));
    expect(result).toMatchObject({
      ok: false,
      error: { code: "tool_missing", detail: expect.stringMatching(/cannot be run|was not found/) },
    });
  });

  it("keeps only the last 50 lines", async () => {
    const result = await runTool(call("for (let i = 0; i < 120; i++) console.log(i)"));
    expect(result.ok && result.value.tail).toHaveLength(50);
    expect(result.ok && result.value.tail.at(-1)).toBe("119");
  });
});

describe.skipIf(process.platform !== "linux").each([
  ["a tool", undefined],
  ["a confined tool", { reads: [] }],
])("%s with a descendant in another session", (_, confine) => {
  let cwd: string;
  beforeEach(async () => {
    cwd = await mkdtemp(join(tmpdir(), "splatt-run-tool-"));
  });
  afterEach(() => rm(cwd, { recursive: true, force: true }));

  const shell = (script: string, overrides: Partial<ToolCall>) =>
    call("", { file: "/bin/sh", args: ["-c", script], cwd, ...(confine && { confine }), ...overrides });
  const escaping = (marker: string) => `setsid sh -c "echo started; exec sleep ${marker}" &`;
  const survivors = (marker: string) => commandLines().filter((line) => line.includes(`sleep ${marker}`));

  it("is killed with it, although both ignore SIGTERM", async () => {
    const cancel = new AbortController();
    const marker = `4${process.pid}`;
    const script = `trap "" TERM; ${escaping(marker)} wait`;
    const running = runTool(shell(script, { signal: cancel.signal, onLine: () => cancel.abort() }));
    expect(await running).toMatchObject({ ok: false, error: { code: "agent_stopped" } });
    await expect.poll(() => survivors(marker)).toEqual([]);
  });

  it("does not wait for it longer than the silence allowed", async () => {
    const marker = `5${process.pid}`;
    const outcome = await runTool(shell(`${escaping(marker)} exit 0`, { silenceMs: 500 }));
    // A sandbox ends with its first process.
    if (!outcome.ok) expect(outcome.error.code).toBe("stage_stalled");
    await expect.poll(() => survivors(marker)).toEqual([]);
  });
});

describe.skipIf(process.platform !== "linux")("a confined tool", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "splatt-run-tool-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  function confined(script: string, overrides: Partial<ToolCall> = {}): ToolCall {
    const shell = { file: "/bin/sh", args: ["-c", script], cwd: dir, confine: { reads: [] } };
    return call("", { ...shell, ...overrides });
  }

  it.each([
    ["exit 7", { exitCode: 7, signal: null }],
    ["kill -ABRT $$", { exitCode: null, signal: "SIGABRT" }],
    ["kill -SEGV $$", { exitCode: null, signal: "SIGSEGV" }],
  ])("exits as it does outside: %s", async (script, exit) => {
    expect(await runTool(confined(script))).toMatchObject({ ok: true, value: exit });
  });

  it("inherits no secret, and of the agent's open files only the streams", async () => {
    vi.stubEnv("AGENT_TOKEN", "canary");
    const lines: string[] = [];
    await using _ = await open(join(dir, "others"), "w");
    // Not every sandbox lets a program read or list /proc.
    const script = "env; for fd in $(seq 0 99); do readlink /proc/$$/fd/$fd; done; true";
    const ended = await runTool(confined(script, { onLine: (line) => lines.push(line) }));
    vi.unstubAllEnvs();
    expect(ended).toMatchObject({ ok: true, value: { exitCode: 0 } });
    expect(lines.filter((line) => line.startsWith("PATH="))).toHaveLength(1);
    expect(lines.join("\n")).not.toMatch(/canary|TOKEN/);
    // A test runner may have left pipes open for its children.
    const opened = lines.filter((line) => /^(?:\/|socket:|pipe:)/.test(line));
    expect(opened).toContain("/dev/null");
    expect(opened.filter((target) => target.startsWith("/") && target !== "/dev/null")).toEqual([]);
  });

  it("leaves files and folders alone, neither links to foreign files nor pipes", async () => {
    await symlink("/etc/hostname", join(dir, "earlier"));
    const script = `
      mkdir -p sub/deep; echo made > sub/file; ln -s /etc/passwd frame.jpg; ln -s / sub/all; ln -s nowhere sub/deep/x
      mkfifo pipe; ln -s sub/file inner`;
    const lines: string[] = [];
    const ended = await runTool(confined(script, { onLine: (line) => lines.push(line) }));
    expect(ended).toMatchObject({ ok: true, value: { exitCode: 0 } });
    expect(readdirSync(dir, { recursive: true }).toSorted()).toEqual([
      "earlier",
      "sub",
      "sub/deep",
      "sub/file",
    ]);
    expect(lines).toEqual(["Removed links and pipes that /bin/sh left: 5"]);
  });

  it("reports out of memory when the kernel killed it", async () => {
    const result = await runTool(confined("kill -KILL $$"));
    expect(result).toMatchObject({ ok: false, error: { code: "out_of_memory" } });
  });

  it("reports a missing program", async () => {
    const result = await runTool(confined("", { file: "no-such-program-here" }));
    expect(result).toEqual({
      ok: false,
      error: { code: "tool_missing", detail: "no-such-program-here was not found." },
    });
  });

  it("is found by its working folder", async () => {
    const cancel = new AbortController();
    const mark = `${dir}/workspace`;
    const running = runTool(
      confined("sleep 600 & echo started; wait", {
        env: { [FOLDER_MARK]: mark },
        signal: cancel.signal,
        onLine: () => killOrphans(mark),
      }),
    );
    expect(await running).toMatchObject({ ok: false, error: { code: "out_of_memory" } });
    cancel.abort();
  });

  it("has megabytes without a newline truncated", async () => {
    const lines: string[] = [];
    const script = "head -c 20000000 /dev/zero | tr '\\0' x";
    expect(await runTool(confined(script, { onLine: (line) => lines.push(line) }))).toMatchObject({
      ok: true,
    });
    expect(lines.map(({ length }) => length)).toEqual([2000]);
  });

  it("works in a folder with spaces, in any language, behind a link, and of great depth", async () => {
    const deep = join(dir, "mes vidéos 📷 'x' $HOME", ...Array.from({ length: 15 }, () => "d".repeat(200)));
    await mkdir(deep, { recursive: true });
    await symlink(deep, join(dir, "link"));
    const cwd = join(dir, "link");
    await writeFile(join(deep, "in"), "read");
    const result = await runTool(confined(`cat in > out`, { cwd, confine: { reads: [join(cwd, "in")] } }));
    expect(result).toMatchObject({ ok: true, value: { exitCode: 0 } });
    expect(await readFile(join(deep, "out"), "utf8")).toBe("read");
  });
});

/** The command lines of all processes that run. */
function commandLines(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && isRunning(Number(name)))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return "";
      }
    });
}

describe("LineSplitter", () => {
  it("joins lines that arrive in pieces, even split within a character", () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    const bytes = Buffer.from("grüß\ngott");
    for (const byte of bytes) splitter.push(Buffer.from([byte]));
    splitter.end();
    expect(lines).toEqual(["grüß", "gott"]);
  });
});
