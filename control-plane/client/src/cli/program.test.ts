import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import type { JobView } from "@splatt/shared";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Splatt } from "../index.ts";
import type { Context } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { fetchResults } from "./fetch-results.ts";
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

async function splatt(args: readonly string[], settings: Readonly<Record<string, string>> = {}) {
  const streams = { stdout: new Collected(), stderr: new Collected() };
  const { signal } = new AbortController();
  const environment = { HOME: folder, ...settings };
  const exitCode = await runCommandLine(args, { environment, folder, streams, signal });
  return { exitCode, stdout: streams.stdout.text, stderr: streams.stderr.text };
}

describe("the command line", () => {
  it.each([
    [["fly"], "Unknown command: fly"],
    [["no-such.mp4"], "File not found: no-such.mp4"],
    [["status"], "Missing argument: JOB"],
    [["status", "a", "b"], "Unexpected argument: b"],
    [["list", "--colour"], "Unknown option '--colour'"],
    [["list", "--status", "lost"], 'Unknown status "lost"'],
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

  it.each([
    ["--version"],
    ["--help"],
    ["help"],
    ...COMMANDS.map(({ name }) => [...name.split(" "), "--help"]),
  ])("answers %s in JSON where it is asked to", async (...words) => {
    const done = await splatt([...words, "--json"]);
    expect(done).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(done.stdout)).toEqual(
      words[0] === "--version"
        ? { version: expect.any(String) }
        : { help: expect.stringMatching(/^Usage: splatt/) },
    );
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

describe("Ctrl-C while the job is being created", () => {
  it.each([
    ["an answer in time tells its id", true, /The job continues.*splatt watch 5f0c7b0e/],
    ["no answer leaves it open", false, /The job may have been created.*splatt list/],
  ])("%s", { timeout: 60_000 }, async (_, isAnswered, said) => {
    const ctrlC = new AbortController();
    const server = createServer((request, response) => {
      request.resume();
      ctrlC.abort();
      const created = { job_id: "5f0c7b0e-34a8-4bd5-9d33-5a8cf6a3a0b1", status: "queued", message: "" };
      if (isAnswered) response.setHeader("content-type", "application/json").end(JSON.stringify(created));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const streams = { stdout: new Collected(), stderr: new Collected() };
    const environment = { HOME: folder, SPLATT_URL: `http://127.0.0.1:${port}`, SPLATT_API_KEY: "k" };
    const { signal } = ctrlC;
    const exitCode = await runCommandLine(["https://example.com/chair.mp4"], {
      environment,
      folder,
      streams,
      signal,
    });
    server.closeAllConnections();
    server.close();
    expect([exitCode, streams.stderr.text]).toEqual([130, expect.stringMatching(said)]);
  });
});

describe("a test of a webhook", () => {
  const pending = {
    ...{ delivery_id: "d", event: "webhook.test", job_id: null, state: "pending", attempts: 0 },
    ...{ created_at: "2026-11-28T10:00:00+00:00", next_attempt_at: "2026-11-28T10:00:05+00:00" },
    ...{ delivered_at: null, response_status: null, error: null },
  };

  it.each([
    [{ state: "delivered", attempts: 1, response_status: 204 }, 0, "Delivered: 204"],
    [{ state: "given_up", attempts: 1, error: "It answered 410." }, 1, "Not delivered: It answered 410."],
    [
      { attempts: 1, error: "It answered 500." },
      1,
      "Not delivered: It answered 500. The next attempt is at 2026-11-28T10:00:05+00:00.",
    ],
  ])("ends when the first attempt has: %o", async (settled, exitCode, said) => {
    const server = createServer((request, response) => {
      const isTest = request.method === "POST";
      const page = { deliveries: [{ ...pending, ...settled }], next_cursor: null };
      response.setHeader("content-type", "application/json").end(JSON.stringify(isTest ? pending : page));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const done = await splatt(["webhooks", "test", "w"], {
      SPLATT_URL: `http://127.0.0.1:${port}`,
      SPLATT_API_KEY: "k",
    });
    server.closeAllConnections();
    server.close();
    expect(done).toEqual({ exitCode, stdout: `${said}\n`, stderr: "" });
  });
});

it.each([
  [null, /on 2026-11-28\. To make them again: splatt retry /],
  ["2026-11-28T10:00:00+00:00", /on 2026-11-28\.$/],
])(
  "results that retention removed are not downloaded: video removed at %s",
  async (input_purged_at, said) => {
    const job = {
      ...{ job_id: crypto.randomUUID(), status: "completed", results: {}, input_purged_at },
      ...{ results_purged_at: "2026-11-28T10:00:00+00:00" },
    };
    const context = { path: (name: string) => name } as unknown as Context;
    const output = fetchResults(context, {} as Splatt, job as unknown as JobView, folder);
    await expect(output).rejects.toThrow(said);
  },
);
