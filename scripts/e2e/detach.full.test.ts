import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AgentHarness } from "./agent-harness.ts";
import { TcpProxy } from "./faults/harness/tcp-proxy.ts";
import { type LocalStack, startLocalStack } from "./local-stack.ts";
import { Terminal, userSurroundings } from "./terminal.ts";

/** Ctrl-C at every moment of `splatt VIDEO`, on a terminal. What it then says to do leads to the results. */

const CTRL_C = "\x03";
/** Two parts of an upload. */
const VIDEO_BYTES = 40 * 1024 * 1024;

let stack: LocalStack;
let harness: AgentHarness;
let proxy: TcpProxy;
let folder: string;
beforeAll(async () => {
  stack = await startLocalStack();
  harness = new AgentHarness(stack);
  proxy = await TcpProxy.start(stack.url);
  folder = join(stack.dir, "user");
  await mkdir(folder);
});
afterEach(async () => {
  proxy.repair();
  await harness.stopAgents();
});
afterAll(async () => {
  await proxy.stop();
  await stack.stop();
});

function splatt(args: readonly string[]): Terminal {
  return new Terminal(
    userSurroundings(folder, { SPLATT_URL: proxy.url, SPLATT_API_KEY: stack.apiKey }),
    args,
  );
}

/** A video that no other test sends. */
async function newVideo(name: string): Promise<string> {
  await writeFile(join(folder, name), Buffer.alloc(VIDEO_BYTES, name));
  return name;
}

async function startAgent(): Promise<void> {
  harness.startAgent({ token: await harness.mint(), pipeline: harness.fakePipeline() });
}

async function expectResults(name: string): Promise<void> {
  const video = name.replace(/\.mp4$/, "");
  const { jobs } = await stack.client.listJobs({ pool: harness.pool });
  expect(jobs.map(({ status }) => status)).toEqual(["completed"]);
  const text = await readFile(join(folder, video, "transforms.json"), "utf8");
  expect(text).toBe(`transforms.json of ${jobs[0]?.job_id}`);
}

describe("Ctrl-C", () => {
  it.each([
    ["looks for an earlier upload", /^GET \/uploads/],
    ["creates the upload", /^POST \/uploads$/],
    ["sends a part", /^PUT \/uploads\/[^/]+\/parts\//],
    ["completes the upload", /^POST \/uploads\/[^/]+\/complete/],
  ])("while it %s: the same command continues", async (_, request) => {
    const name = await newVideo(`${request.source.length}.mp4`);
    const line = [name, "--pool", harness.pool];
    await startAgent();
    const held = proxy.holdAt(request);
    const terminal = splatt(line);
    await held;
    terminal.type(CTRL_C);
    expect(await terminal.exit, terminal.plain).toBe(130);
    expect(terminal.plain).toContain("The same command continues the upload.");
    proxy.repair();
    const again = splatt(line);
    expect(await again.exit, again.plain).toBe(0);
    await expectResults(name);
  });

  it("while it sends parts: those that arrived are not sent again", async () => {
    const name = await newVideo("parts.mp4");
    const line = [name, "--pool", harness.pool];
    await startAgent();
    // Both parts are sent at once; one of them arrives.
    const held = proxy.holdAt(/^PUT \/uploads\/[^/]+\/parts\/2/);
    const terminal = splatt(line);
    await held;
    await expect
      .poll(async () => {
        const { uploads } = await stack.client.listUploads({ limit: 1 });
        return (await stack.client.listUploadParts(uploads[0]?.upload_id ?? "")).parts.length;
      })
      .toBe(1);
    terminal.type(CTRL_C);
    expect(await terminal.exit).toBe(130);
    proxy.repair();
    proxy.requests.splice(0);
    const again = splatt(line);
    expect(await again.exit, again.plain).toBe(0);
    expect(proxy.count(/^PUT .*\/parts\/1/)).toBe(0);
    await expectResults(name);
  });

  it("while it creates the job, and no answer comes: says how to find out", async () => {
    const name = await newVideo("unknown.mp4");
    const held = proxy.holdAt(/^POST \/jobs$/);
    await harness.mint();
    const terminal = splatt([name, "--pool", harness.pool]);
    await held;
    terminal.type(CTRL_C);
    expect(await terminal.exit, terminal.plain).toBe(130);
    expect(terminal.plain).toContain("splatt list");
    proxy.repair();
    const list = splatt(["list", "--pool", harness.pool]);
    expect(await list.exit, list.plain).toBe(0);
  });

  it("while the job waits: it can be watched to its end", async () => {
    const name = await newVideo("waits.mp4");
    await harness.mint();
    const terminal = splatt([name, "--pool", harness.pool]);
    await terminal.shows(/Job [0-9a-f-]{36}/);
    await terminal.shows(/queued|waiting/);
    terminal.type(CTRL_C);
    expect(await terminal.exit).toBe(130);
    const [, jobId = ""] = /To come back: splatt watch ([0-9a-f-]{36})/.exec(terminal.plain) ?? [];
    await startAgent();
    const back = splatt(["watch", jobId]);
    expect(await back.exit, back.plain).toBe(0);
    expect(back.plain).toContain(`splatt get ${jobId}`);
    const got = splatt(["get", jobId]);
    expect(await got.exit, got.plain).toBe(0);
    await expectResults(name);
  });

  it("while it downloads: the command that it prints continues", async () => {
    const name = await newVideo("downloads.mp4");
    await startAgent();
    const file = /^GET \/jobs\/[^/]+\/results\//;
    proxy.requests.splice(0);
    const held = proxy.holdAt(file, 2);
    const terminal = splatt([name, "--pool", harness.pool]);
    await held;
    terminal.type(CTRL_C);
    expect(await terminal.exit, terminal.plain).toBe(130);
    const arrived = proxy.requests.find((line) => file.test(line));
    const [, command = ""] = /To continue: splatt (.*\S)/.exec(terminal.plain) ?? [];
    proxy.repair();
    proxy.requests.splice(0);
    const again = splatt(command.split(" "));
    expect(await again.exit, again.plain).toBe(0);
    await expectResults(name);
    expect(arrived).toBeDefined();
    expect(proxy.requests).not.toContain(arrived);
  });
});
