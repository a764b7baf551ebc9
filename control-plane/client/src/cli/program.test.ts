import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "./commands.ts";
import { runCommandLine } from "./program.ts";

/** What the command line answers without a control plane. scripts/e2e/cli.test.ts runs it against one. */

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "splatt-cli-"));
  await writeFile(join(folder, "chair.mp4"), "video");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

class Collected extends Writable {
  text = "";
  override _write(chunk: unknown, _encoding: string, done: () => void): void {
    this.text += String(chunk);
    done();
  }
}

async function splatt(args: readonly string[]) {
  const streams = { stdout: new Collected(), stderr: new Collected() };
  const { signal } = new AbortController();
  const exitCode = await runCommandLine(args, { environment: { HOME: folder }, folder, streams, signal });
  return { exitCode, stdout: streams.stdout.text, stderr: streams.stderr.text };
}

describe("the command line", () => {
  it.each([
    [["fly"], "Unknown command: fly"],
    [["no-such.mp4"], "File not found: no-such.mp4"],
    [["status"], "Missing argument: JOB"],
    [["status", "a", "b"], "Unexpected argument: b"],
    [["list", "--colour"], "Unknown option '--colour'"],
    [["list", "--status", "lost"], 'There is no status "lost"'],
    [["chair.mp4", "--fps", "many"], '--fps must be a number, not "many"'],
    [["chair.mp4", "--fps", "-4"], "--fps"],
    [["chair.mp4", "--engine", "magic"], "--engine must be one of"],
    [["chair.mp4", "--start-sec", "5", "--end-sec", "4"], "--end-sec: must be greater"],
    [["login"], "Missing argument: URL"],
    [["completion", "tcsh"], "SHELL must be one of"],
  ])("rejects %j", async (args, complaint) => {
    const done = await splatt(args);
    expect(done).toMatchObject({ exitCode: 2, stdout: "" });
    expect(done.stderr).toContain(complaint);
  });

  it.each(COMMANDS.map(({ name }) => name))("explains %s", async (name) => {
    const done = await splatt([...name.split(" "), "--help"]);
    expect(done).toMatchObject({ exitCode: 0, stderr: "" });
    expect(done.stdout).toMatch(new RegExp(`^Usage: splatt ${name}`));
  });

  it.each(["bash", "zsh", "fish"])("completes in %s", async (shell) => {
    const { stdout } = await splatt(["completion", shell]);
    for (const word of ["agents", "drain", "iterations"]) expect(stdout).toContain(word);
    const found = await execa(shell, ["-n"], { input: stdout, reject: false });
    // A shell that is not installed checks nothing.
    if (found.exitCode !== undefined) expect(found, found.stderr).toMatchObject({ exitCode: 0 });
  });
});
