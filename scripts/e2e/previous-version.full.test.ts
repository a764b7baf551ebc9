import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPreviousControlPlane, unpackPreviousVersion } from "@splatt/control-plane/previous-version";
import { AgentProcess } from "@splatt/local/agent-process";
import { ROOT } from "@splatt/local/local-machine";
import { makeSampleClip } from "@splatt/sample-clip";
import type { JobView } from "@splatt/shared";
import type { Splatt } from "splatt";
import { downloadFile, uploadFile } from "splatt/node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { jobBecomes, type LocalStack, startLocalStack } from "./local-stack.ts";
import { SMALLEST_CLIP } from "./smallest-clip.ts";

/**
 * The version before, as it was packed, with this one: whichever side is updated first, jobs are done. All parts are
 * real: ffmpeg, COLMAP, the builtin trainer.
 */

const FEW_STEPS = { iterations: 60 };
/** Enough steps that something can happen while the agent trains. */
const MANY_STEPS = { iterations: 4000, max_resolution: 240 };
/** The same, for a training that is done to its end. */
const SOME_STEPS = { iterations: 400, max_resolution: 240 };
/** On a machine with much other work COLMAP takes minutes. */
const TIMEOUT_MS = 900_000;

let dir: string;
let previousAgent: string;
let clip: string;
let stack: LocalStack;
const agents: AgentProcess[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-previous-"));
  stack = await startLocalStack();
  const { agentDir } = await unpackPreviousVersion(dir);
  await linkDependencies(agentDir);
  previousAgent = join(agentDir, "dist", "main.js");
  clip = join(dir, "video.mp4");
  const made = await makeSampleClip(clip, SMALLEST_CLIP);
  if (!made.ok) throw new Error(made.error.detail);
}, 120_000);
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.stop();
});
afterAll(async () => {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

/** What npm installs with the package; the repository has the same. */
async function linkDependencies(agentDir: string): Promise<void> {
  const installed = join(ROOT, "gpu-agent", "node_modules");
  await mkdir(join(agentDir, "node_modules"));
  await symlink(join(installed, "sharp"), join(agentDir, "node_modules", "sharp"));
  await mkdir(join(agentDir, "dist", "@playcanvas"));
  const inDist = join(agentDir, "dist", "@playcanvas", "splat-transform");
  await symlink(join(installed, "@playcanvas", "splat-transform"), inDist);
}

const log: string[] = [];

function startAgentProcess(controlPlane: string, name: string, token: string, program?: string) {
  const agent = new AgentProcess({
    controlPlane,
    token,
    workspace: join(dir, `workspace-${name}`),
    settings: { ENGINE: "builtin", LOG_FORMAT: "pretty", SPLATT_AGENT_DIR: join(dir, `agent-${name}`) },
    onLine: (line) => log.push(`${name}: ${line}`),
    ...(program === undefined ? {} : { program }),
  });
  agents.push(agent);
  return agent;
}

async function createJob(client: Splatt, options: Readonly<Record<string, number>>): Promise<string> {
  const body = { task_id: "previous", upload_id: await uploadFile(client, clip), ...options };
  return (await client.createJob(body)).job_id;
}

async function expectResults(client: Splatt, jobId: string): Promise<JobView> {
  const job = await jobBecomes(client, jobId, ({ status }) => status === "completed");
  expect(job, log.join("\n")).toMatchObject({ progress: 100, error: null });
  const results = Object.entries(job.results ?? {});
  expect(results.map(([name]) => name)).toEqual(
    expect.arrayContaining(["baked_splat.ply", "baked_splat_sh.ply", "thumbnail.webp", "transforms.json"]),
  );
  for (const [name, result] of results) {
    // Compares size and SHA-256.
    const path = join(dir, `${jobId}-${name}`);
    await downloadFile(client, result, path);
    expect((await readFile(path)).byteLength).toBe(result.size);
  }
  return job;
}

describe("the previous agent and this control plane", () => {
  it(
    "do a job: its log is seen while it runs, it is cancelled, and its retry is completed",
    async () => {
      const { token } = await stack.client.createAgent({ name: "old" });
      startAgentProcess(stack.url, "old", token, previousAgent);
      const cancelled = await createJob(stack.client, MANY_STEPS);
      await jobBecomes(stack.client, cancelled, ({ status }) => status === "training");
      await expect
        .poll(async () => (await stack.client.getJobLogs(cancelled)).lines.length)
        .toBeGreaterThan(0);
      await stack.client.cancelJob(cancelled);
      const { job_id } = await stack.client.retryJob(cancelled, FEW_STEPS);
      const job = await expectResults(stack.client, job_id);
      expect(Object.keys(job.results ?? {})).toEqual(
        expect.arrayContaining(["baked_splat.sog", "held_out.webp"]),
      );
    },
    TIMEOUT_MS,
  );

  it(
    "leave a half-done job to this agent, which does not fetch the video again",
    async () => {
      const { token } = await stack.client.createAgent({ name: "updated" });
      const old = startAgentProcess(stack.url, "updated", token, previousAgent);
      const jobId = await createJob(stack.client, SOME_STEPS);
      await jobBecomes(stack.client, jobId, ({ status }) => status === "training");
      old.kill("SIGKILL");
      await old.exited;
      startAgentProcess(stack.url, "updated", token);
      const job = await expectResults(stack.client, jobId);
      const reused = job.report?.stages.filter(({ reused }) => reused).map(({ stage }) => stage);
      // Later stages may have changed between the versions.
      expect(reused).toContain("download");
    },
    TIMEOUT_MS,
  );
});

/** The previous API, without the client and the contract of this version. */
class PreviousApi {
  readonly #url: string;
  readonly #apiKey: string;

  constructor(url: string, apiKey: string) {
    this.#url = url;
    this.#apiKey = apiKey;
  }

  async send(method: string, path: string, body?: string | Uint8Array<ArrayBuffer>): Promise<Response> {
    const { unchecked } = globalThis.fetch as typeof fetch & { readonly unchecked: typeof fetch };
    const headers = { "x-api-key": this.#apiKey };
    const response = await unchecked(new URL(path, this.#url), { method, headers, body: body ?? null });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  }

  async json<T>(method: string, path: string, body?: Readonly<Record<string, unknown>>): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return (await (await this.send(method, path, text)).json()) as T;
  }
}

interface PreviousJob {
  readonly status: string;
  readonly error: string | null;
  readonly results: Readonly<Record<string, { readonly url: string; readonly sha256: string }>> | null;
}

describe("this agent and the previous control plane", () => {
  it(
    "do a whole job",
    async () => {
      const controlPlane = await startPreviousControlPlane(dir, "key");
      try {
        const api = new PreviousApi(controlPlane.url, "key");
        const { token } = await api.json<{ token: string }>("POST", "/agents", { name: "new" });
        startAgentProcess(controlPlane.url, "new", token);
        const video = new Uint8Array(await readFile(clip));
        const { upload_id } = await api.json<{ upload_id: string }>("POST", "/uploads", {
          filename: "video.mp4",
          size: video.byteLength,
        });
        await api.send("PUT", `/uploads/${upload_id}/parts/1`, video);
        await api.send("POST", `/uploads/${upload_id}/complete`);
        const { job_id } = await api.json<{ job_id: string }>("POST", "/jobs", {
          task_id: "previous",
          upload_id,
          ...MANY_STEPS,
          ...FEW_STEPS,
        });
        const job = () => api.json<PreviousJob>("GET", `/jobs/${job_id}`);
        await expect
          .poll(async () => (await job()).status, { timeout: TIMEOUT_MS, interval: 500 })
          .toMatch(/completed|failed/);
        const { status, error, results } = await job();
        expect({ status, error }, log.join("\n")).toEqual({ status: "completed", error: null });
        expect(Object.keys(results ?? {})).toEqual(
          expect.arrayContaining(["baked_splat.ply", "photos.webp"]),
        );
        for (const { url, sha256 } of Object.values(results ?? {})) {
          const bytes = new Uint8Array(await (await api.send("GET", url)).arrayBuffer());
          expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
        }
      } finally {
        for (const agent of agents.splice(0)) await agent.stop();
        await controlPlane.stop();
      }
    },
    TIMEOUT_MS,
  );
});
