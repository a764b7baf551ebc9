import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPreviousControlPlane, unpackPreviousVersion } from "@splatt/control-plane/previous-version";
import { AgentProcess } from "@splatt/local/agent-process";
import { ROOT } from "@splatt/local/local-machine";
import { makeSampleClip } from "@splatt/sample-clip";
import type { JobView } from "@splatt/shared";
import { Splatt } from "splatt";
import { downloadFile, uploadFile } from "splatt/node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { jobBecomes, type LocalStack, startLocalStack } from "./local-stack.ts";

/**
 * The version before, as it was packed, with this one: whichever side is updated first, jobs are done. All parts are
 * real: ffmpeg, COLMAP, the builtin trainer.
 */

const FEW_STEPS = { iterations: 60 };
/** So many that something can happen while the agent trains. */
const MANY_STEPS = { iterations: 4000, max_resolution: 240 };
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
  const made = await makeSampleClip(clip, { width: 480, height: 360, seconds: 6, fps: 4 });
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

interface ControlPlane {
  readonly url: string;
  readonly client: Splatt;
}

const log: string[] = [];

async function startAgent({ url, client }: ControlPlane, name: string, program?: string, token?: string) {
  const agent = new AgentProcess({
    controlPlane: url,
    token: token ?? (await client.createAgent({ name })).token,
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
      await startAgent(stack, "old", previousAgent);
      const cancelled = await createJob(stack.client, MANY_STEPS);
      await jobBecomes(stack.client, cancelled, ({ status }) => status === "training");
      await expect
        .poll(async () => (await stack.client.getJobLogs(cancelled)).lines.length)
        .toBeGreaterThan(0);
      await stack.client.cancelJob(cancelled);
      const { job_id } = await stack.client.retryJob(cancelled, FEW_STEPS);
      const job = await expectResults(stack.client, job_id);
      expect(Object.keys(job.results ?? {})).toEqual(
        expect.arrayContaining(["baked_splat.sog", "photos.webp"]),
      );
    },
    TIMEOUT_MS,
  );

  it(
    "leave a half-done job to this agent, which keeps its finished stages",
    async () => {
      const { token } = await stack.client.createAgent({ name: "updated" });
      const old = await startAgent(stack, "updated", previousAgent, token);
      const jobId = await createJob(stack.client, MANY_STEPS);
      await jobBecomes(stack.client, jobId, ({ status }) => status === "training");
      old.kill("SIGKILL");
      await old.exited;
      await startAgent(stack, "updated", undefined, token);
      const job = await expectResults(stack.client, jobId);
      const reused = job.report?.stages.filter(({ reused }) => reused).map(({ stage }) => stage);
      expect(reused).toEqual(["download", "frames", "poses"]);
    },
    TIMEOUT_MS,
  );
});

describe("this agent and the previous control plane", () => {
  it(
    "do a whole job",
    async () => {
      const controlPlane = await startPreviousControlPlane(dir, "key");
      try {
        const client = new Splatt({ url: controlPlane.url, apiKey: "key" });
        await startAgent({ url: controlPlane.url, client }, "new");
        const job = await expectResults(client, await createJob(client, { ...MANY_STEPS, ...FEW_STEPS }));
        expect(job.report?.engine).toMatchObject({ name: "builtin" });
      } finally {
        for (const agent of agents.splice(0)) await agent.stop();
        await controlPlane.stop();
      }
    },
    TIMEOUT_MS,
  );
});
