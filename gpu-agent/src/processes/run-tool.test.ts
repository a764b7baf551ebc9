import { describe, expect, it, vi } from "vitest";
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
  it("hands out the lines of both streams and the exit code", async () => {
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

  it("names a program that is not there", async () => {
    const result = await runTool(call("", { file: "no-such-program-here" }));
    expect(result).toEqual({
      ok: false,
      error: { code: "tool_missing", detail: "no-such-program-here was not found." },
    });
  });

  it("ends a program that falls silent", async () => {
    const result = await runTool(call("setInterval(() => {}, 1000)", { silenceMs: 50 }));
    expect(result).toMatchObject({ ok: false, error: { code: "stage_stalled" } });
  });

  it("ends a program that runs too long", async () => {
    const result = await runTool(call("setInterval(() => console.log('x'), 5)", { timeoutMs: 300 }));
    expect(result).toMatchObject({ ok: false, error: { code: "stage_timeout" } });
  });

  it("ends the whole process group on cancel, grandchildren included", async () => {
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
  ])("knows by %s that the machine ran short", async (script, code) => {
    expect(await runTool(call(script))).toMatchObject({ ok: false, error: { code } });
  });

  it("does not believe in a shortage when the tool succeeds", async () => {
    expect(await runTool(call("console.error('No space left on device')"))).toMatchObject({ ok: true });
  });

  it("keeps only the last 50 lines", async () => {
    const result = await runTool(call("for (let i = 0; i < 120; i++) console.log(i)"));
    expect(result.ok && result.value.tail).toHaveLength(50);
    expect(result.ok && result.value.tail.at(-1)).toBe("119");
  });
});

describe("LineSplitter", () => {
  it("joins what arrives in pieces, also in the middle of a character", () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    const bytes = Buffer.from("grüß\ngott");
    for (const byte of bytes) splitter.push(Buffer.from([byte]));
    splitter.end();
    expect(lines).toEqual(["grüß", "gott"]);
  });
});
