import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import type { JobView } from "@splatt/shared";
import { execa } from "execa";
import { verifyWebhook } from "splatt";
import { runCommandLine } from "splatt/cli";
import { COMMANDS } from "splatt/cli/commands";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AgentHarness } from "./agent-harness.ts";
import { type LocalStack, startLocalStack } from "./local-stack.ts";
import { PROGRAM, type Settings, Terminal, userSurroundings } from "./terminal.ts";

/** The command line, as scripts and people use it, against a real control plane with an agent whose work is fake. */

let stack: LocalStack;
let harness: AgentHarness;
let folder: string;
beforeAll(async () => {
  stack = await startLocalStack();
  harness = new AgentHarness(stack);
  folder = join(stack.dir, "user");
  await mkdir(folder);
  await writeFile(join(folder, "room.mp4"), Buffer.alloc(3_000_000, "another"));
  await writeFile(join(folder, "chair.mp4"), Buffer.alloc(3_500_000, "video"));
});
afterEach(() => harness.stopAgents());
afterAll(() => stack.stop());

function surroundings(settings: Settings = {}) {
  return userSurroundings(folder, {
    ...{ SPLATT_URL: stack.url, SPLATT_API_KEY: stack.apiKey },
    ...settings,
  });
}

/** As a script does: without a terminal. */
async function splatt(
  args: readonly string[],
  settings: Settings = {},
  input = "",
  onStderr: (line: string) => void = () => undefined,
) {
  const options = { ...surroundings(settings), input, reject: false } as const;
  const running = execa(process.execPath, [PROGRAM, ...args], options);
  createInterface(running.stderr).on("line", onStderr);
  const { exitCode, stdout, stderr } = await running;
  return { exitCode, stdout, stderr };
}

/** The JSON on stdout, which must be all that is there. Runs in this process: a process for each command costs more. */
async function json<T = Record<string, unknown>>(args: readonly string[], exitCode = 0): Promise<T> {
  const done = await inProcess([...args, "--json"]);
  expect(done, done.stderr).toMatchObject({ exitCode });
  return JSON.parse(done.stdout) as T;
}

async function inProcess(args: readonly string[], settings: Settings = {}) {
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  const exitCode = await runCommandLine(args, {
    environment: surroundings(settings).env,
    folder,
    streams,
    signal: AbortSignal.timeout(240_000),
  });
  return {
    exitCode,
    stdout: String(streams.stdout.read() ?? ""),
    stderr: String(streams.stderr.read() ?? ""),
  };
}

async function startAgent(gate?: Promise<void>) {
  harness.startAgent({ token: await harness.mint(), pipeline: harness.fakePipeline([], gate) });
}

describe("as a script uses it", () => {
  it("turns a video into files, and says where they are", async () => {
    // Held until it is seen: fake work is over before a slow process looks.
    const seen = Promise.withResolvers<void>();
    await startAgent(seen.promise);
    const line = ["chair.mp4", "--pool", harness.pool, "--label", "room=kitchen"];
    const done = await splatt(line, {}, "", (said) => /training \d+ %/.test(said) && seen.resolve());
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(done.stderr).toMatch(/upload 100 % of 3\.3 MiB\n/);
    expect(done.stdout).toContain(`Results: ${join(folder, "chair")}`);
    const files = await readdir(join(folder, "chair"));
    expect(files.toSorted()).toEqual(["baked_splat.ply", "baked_splat_sh.ply", "transforms.json"]);
    const { jobs } = await json<{ jobs: { job_id: string }[] }>(["list", "--label", "room=kitchen"]);
    const jobId = jobs[0]?.job_id ?? "";
    expect(await readFile(join(folder, "chair", "transforms.json"), "utf8")).toBe(
      `transforms.json of ${jobId}`,
    );

    // Every command about a job, by the first characters of its id.
    const short = jobId.slice(0, 8);
    expect(await json(["status", short])).toMatchObject({ job_id: jobId, status: "completed" });
    expect(await json(["watch", short])).toMatchObject({ status: "completed" });
    expect(await json(["logs", short])).toMatchObject({ job_id: jobId, lines: [] });
    expect(await json(["get", short, "transforms.json", "--out", "one"])).toMatchObject({
      files: [join(folder, "one", "transforms.json")],
    });
    const occupied = await json<{ error: { message: string } }>(["get", short, "--out", "chair.mp4"], 1);
    expect(occupied).toMatchObject({ error: { code: "folder_unusable" } });
    expect(occupied.error.message).toMatch(
      /chair\.mp4 cannot be used: it is not a folder.* Choose another with --out\.$/,
    );
    expect(await json(["open", short])).toMatchObject({ url: `${stack.url}/app/jobs/${jobId}` });
    const share = await json<{ share_id: string }>(["share", short, "--title", "A chair", "--days", "1"]);
    expect(await json(["share", "list"])).toMatchObject({ shares: [{ share_id: share.share_id }] });
    expect(await json(["share", "revoke", share.share_id])).toMatchObject({ share_id: share.share_id });
    expect(await json(["cancel", short], 1)).toMatchObject({ error: { code: "job_ended" } });
    const { job_id: again } = await json<{ job_id: string }>(["retry", short, "--iterations", "7"]);
    expect(await json(["watch", again])).toMatchObject({ options: { iterations: 7 } });
    expect(await json(["delete", short], 2)).toMatchObject({ error: { code: "usage" } });
    expect(await json(["delete", short, "--yes"])).toMatchObject({ job_id: jobId });
    expect(await json(["status", jobId], 1)).toMatchObject({ error: { code: "job_not_found" } });
  });

  it("sends several files as one scene, each once, into a folder of their own", async () => {
    await startAgent();
    await writeFile(join(folder, "hall.mp4"), "a video");
    await writeFile(join(folder, "stairs.jpg"), "a photo");
    const send = () => json<{ job_id: string }>(["hall.mp4", "stairs.jpg", "--pool", harness.pool]);
    const { job_id } = await send();
    const job = await json<JobView>(["status", job_id]);
    expect(job).toMatchObject({ task_id: "hall.mp4", source: { kind: "uploads", upload_id: null } });
    expect(await readdir(join(folder, "hall-scene"))).toContain("transforms.json");
    // The same files again: what is uploaded is used again.
    const again = await json<JobView>(["status", (await send()).job_id]);
    expect(again.source.upload_ids).toEqual(job.source.upload_ids);
    for (const files of [
      ["hall.mp4", "hall.mp4"],
      ["hall.mp4", "https://example.com/v.mp4"],
      ["hall.mp4", "missing.mp4"],
    ])
      expect(await json(files, 2)).toMatchObject({ error: { code: "usage" } });
  });

  it("manages agents, keys, webhooks and health", async () => {
    const agent = await json<{ agent_id: string; token: string }>(["agents", "add", "box", "--pool", "p"]);
    expect(agent.token).toMatch(/^splatt_agent_/);
    expect(JSON.stringify(await json(["agents"]))).toContain(agent.agent_id);
    expect(await json(["agents", "drain", agent.agent_id], 1)).toMatchObject({
      error: { code: "agent_not_connected" },
    });
    await json(["agents", "remove", agent.agent_id, "--yes"]);
    const key = await json<{ key_id: string; key: string }>(["keys", "create", "ci", "--scope", "jobs:read"]);
    expect(JSON.stringify(await json(["keys"]))).not.toContain(key.key);
    expect(await inProcess(["agents", "--json"], { SPLATT_API_KEY: key.key })).toMatchObject({ exitCode: 4 });
    await json(["keys", "revoke", key.key_id, "-y"]);
    expect(await inProcess(["list"], { SPLATT_API_KEY: key.key })).toMatchObject({ exitCode: 4, stdout: "" });
    const webhook = await json<{ webhook_id: string }>([
      "webhooks",
      "add",
      "https://example.com/hook",
      "--event",
      "job.failed",
    ]);
    expect(await json(["webhooks"])).toMatchObject({
      webhooks: [webhook.webhook_id].map((webhook_id) => ({ webhook_id })),
    });
    expect(await json(["webhooks", "deliveries", webhook.webhook_id])).toMatchObject({ deliveries: [] });
    await json(["webhooks", "remove", webhook.webhook_id]);
    expect(await json(["health"])).toMatchObject({ status: "healthy" });
  });

  it("exits with 3 when the job failed, and with 5 when it was cancelled", async () => {
    const token = await harness.mint();
    const cancelled = await harness.createJob();
    await stack.client.cancelJob(cancelled);
    expect(await json(["watch", cancelled], 5)).toMatchObject({ status: "cancelled" });
    harness.startAgent({
      token,
      pipeline: async () => ({ ok: false, error: { code: "video_corrupt", detail: "it is noise" } }),
    });
    await json(["submit", "chair.mp4", "--pool", harness.pool]);
    const failed = await inProcess(["run", "chair.mp4", "--pool", harness.pool]);
    expect(failed).toMatchObject({ exitCode: 3 });
    expect(failed.stdout).toContain("video_corrupt");
    // The second time, nothing is sent.
    expect(failed.stderr).not.toMatch(/upload 25 %/);
  });

  it("stores a key for its user alone, and sends it to its own control plane alone", async () => {
    const nobody = { SPLATT_URL: undefined, SPLATT_API_KEY: undefined, HOME: join(folder, "home") };
    expect(await inProcess(["list"], nobody)).toMatchObject({ exitCode: 4 });
    expect(await splatt(["login", stack.url], nobody, "wrong-key")).toMatchObject({ exitCode: 4 });
    expect(await splatt(["login", stack.url], nobody, `${stack.apiKey}\n`)).toMatchObject({ exitCode: 0 });
    const path = join(folder, "home", ".config", "splatt", "credentials.json");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await inProcess(["list"], nobody)).toMatchObject({ exitCode: 0 });
    const other = await inProcess(["list"], { ...nobody, SPLATT_URL: "http://127.0.0.1:9" });
    expect(other).toMatchObject({ exitCode: 4 });
    expect(other.stderr).toContain("No API key for http://127.0.0.1:9");
  });

  it("rejects what it cannot understand", async () => {
    const done = await splatt(["fly"]);
    expect(done).toMatchObject({ exitCode: 2, stdout: "" });
    expect(done.stderr).toContain("Unknown command: fly");
  });

  it("says when the control plane cannot be reached", async () => {
    const done = await inProcess(["health"], { SPLATT_URL: "http://127.0.0.1:9" });
    expect(done).toMatchObject({ exitCode: 1, stdout: "" });
    expect(done.stderr).toContain("cannot be reached");
    expect(done.stderr).not.toContain("    at ");
  });

  it("prints JSON that jq reads, with every command, whatever it answers", async (context) => {
    if ((await execa("jq", ["--version"], { reject: false })).exitCode !== 0) context.skip();
    // `login` reads the key from standard input.
    for (const { name, args } of COMMANDS.filter((command) => command.name !== "login")) {
      const given = args.filter(({ optional }) => optional !== true).map(() => "no-such-thing");
      const { exitCode, stdout: input } = await inProcess([...name.split(" "), ...given, "--json"]);
      const read = await execa("jq", ["-e", "type"], { input, reject: false });
      expect({ name, input, exitCode: read.exitCode, type: read.stdout }).toMatchObject({
        exitCode: 0,
        type: '"object"',
      });
      if (exitCode !== 0)
        expect(JSON.parse(input), name).toMatchObject({ error: { code: expect.any(String) } });
    }
  });

  it("forwards what happens to jobs to a port of this machine", async () => {
    const received: { headers: Record<string, string>; body: string }[] = [];
    const server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      received.push({ headers: request.headers as Record<string, string>, body });
      response.writeHead(204).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const stop = new AbortController();
    const stderr = new PassThrough();
    const secret = `whsec_${Buffer.alloc(32, 3).toString("base64")}`;
    const listening = Promise.withResolvers<void>();
    stderr.on("data", (text) => /Listening/.test(String(text)) && listening.resolve());
    const done = runCommandLine(
      ["webhooks", "listen", `http://127.0.0.1:${port}/hook`, "--event", "job.cancelled", "--secret", secret],
      {
        environment: { SPLATT_URL: stack.url, SPLATT_API_KEY: stack.apiKey, HOME: folder },
        folder,
        streams: { stdout: new PassThrough().resume(), stderr },
        signal: stop.signal,
      },
    );
    await listening.promise;
    await harness.mint();
    const jobId = await harness.createJob();
    await stack.client.cancelJob(jobId);
    await expect.poll(() => received.length, { timeout: 90_000 }).toBe(1);
    const [{ headers, body } = { headers: {}, body: "" }] = received;
    expect(await verifyWebhook(headers, body, secret)).toMatchObject({
      type: "job.cancelled",
      data: { job_id: jobId, status: "cancelled" },
    });
    stop.abort();
    expect(await done).toBe(130);
    server.close();
  });
});

describe("as a person uses it", () => {
  it("colours its marks, but not with NO_COLOR", async () => {
    const coloured = new Terminal(surroundings(), ["get", "no-such-job"]);
    expect(await coloured.exit).toBe(1);
    expect(coloured.text).toContain("\x1b[31m");
    const plain = new Terminal(surroundings({ NO_COLOR: "1" }), ["get", "no-such-job"]);
    expect(await plain.exit).toBe(1);
    expect(plain.text).not.toContain("\x1b[31m");
  });

  it("shows bars, detaches at Ctrl-C and comes back", async () => {
    const gate = Promise.withResolvers<void>();
    await startAgent(gate.promise);
    const terminal = new Terminal(surroundings(), ["room.mp4", "--pool", harness.pool]);
    await terminal.shows(/✓ upload +█+ 100 %/);
    await terminal.shows(/▸ training +█+░+ +\d+ %/);
    terminal.type("\x03");
    expect(await terminal.exit).toBe(130);
    const [, jobId = ""] = /To come back: splatt watch ([0-9a-f-]{36})/.exec(terminal.text) ?? [];
    expect(await stack.client.getJob(jobId)).toMatchObject({ status: "training" });
    const back = new Terminal(surroundings(), ["watch", jobId]);
    await back.shows(/▸ training/);
    gate.resolve();
    expect(await back.exit).toBe(0);
    expect(back.text).toContain(`splatt get ${jobId}`);
  });

  it("asks before it deletes", async () => {
    await harness.mint();
    const jobId = await harness.createJob();
    await stack.client.cancelJob(jobId);
    const unsure = new Terminal(surroundings(), ["delete", jobId]);
    await unsure.shows(/\[y\/N\]/);
    unsure.type("n\r");
    expect(await unsure.exit).toBe(1);
    expect(await stack.client.getJob(jobId)).toMatchObject({ status: "cancelled" });
    const sure = new Terminal(surroundings(), ["delete", jobId]);
    await sure.shows(/\[y\/N\]/);
    sure.type("y\r");
    expect(await sure.exit).toBe(0);
    await expect(stack.client.getJob(jobId)).rejects.toMatchObject({ code: "job_not_found" });
  });
});
