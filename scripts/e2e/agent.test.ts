import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type AgentOffer, err, failure, RESULT_FILES } from "@splatt/shared";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Agent } from "../../gpu-agent/src/agent.ts";
import { ControlPlaneClient } from "../../gpu-agent/src/control-plane-client.ts";
import type { JobRun, Pipeline } from "../../gpu-agent/src/jobs/job-run.ts";
import { Workspace } from "../../gpu-agent/src/jobs/workspace.ts";
import { createLogger } from "../../gpu-agent/src/log.ts";
import { uploadResults } from "../../gpu-agent/src/pipeline/upload.ts";
import { type LocalStack, startLocalStack } from "./local-stack.ts";

/** The agent against the real control plane. Only the pipeline is a fake: it makes its files out of nothing. */

const OFFER: AgentOffer = {
  engines: [{ name: "builtin", usable: true, version: null, reason: "" }],
  default_engine: "builtin",
  slots: 1,
  reason: "fake",
  gpus: [],
};
const LOG = createLogger({ level: "silent", format: "json" });

let stack: LocalStack;
beforeAll(async () => {
  stack = await startLocalStack({ heartbeatMs: 200, progressMs: 20, progressWriteMs: 1, resendMs: 100 });
});
afterAll(() => stack.stop());

const agents: { agent: Agent; ended: Promise<unknown> }[] = [];
afterEach(async () => {
  for (const { agent, ended } of agents.splice(0)) {
    agent.stop();
    await ended;
  }
});

let workspaces = 0;
function newWorkspace(): Workspace {
  workspaces += 1;
  return new Workspace(join(stack.dir, `workspace-${workspaces}`));
}

function startAgent(options: {
  token: string;
  pipeline: Pipeline;
  workspace?: Workspace;
  offer?: AgentOffer;
}) {
  const agent = new Agent({
    controlPlane: stack.url,
    token: options.token,
    name: "e2e",
    version: "0",
    offer: options.offer ?? OFFER,
    workspace: options.workspace ?? newWorkspace(),
    pipeline: options.pipeline,
    keepJobs: 1,
    log: LOG,
    backoff: { minMs: 10, maxMs: 100, maxHoldingMs: 100 },
  });
  const ended = agent.run();
  agents.push({ agent, ended });
  return { agent, ended };
}

/** A fake pipeline: a stage that lasts until `gate` opens, then files that are uploaded for real. */
function fakePipeline(stopped: string[] = [], gate: Promise<void> = Promise.resolve()): Pipeline {
  return async (run, signal) => {
    await run.beginStage("train");
    run.reportProgress("train", { fraction: 0.5, message: "Training Gaussian Splat... Step 5/10" });
    const aborted = new Promise<"aborted">((resolve) => {
      if (signal.aborted) resolve("aborted");
      signal.addEventListener("abort", () => resolve("aborted"));
    });
    if ((await Promise.race([gate, aborted])) === "aborted") {
      stopped.push(run.fence.job_id);
      return err(failure("agent_stopped", ""));
    }
    const client = new ControlPlaneClient({ controlPlane: stack.url, token: await tokenOf(run), log: LOG });
    return uploadResults(run, await writeResults(run), client, signal);
  };
}

const tokens = new Map<string, string>();
async function tokenOf(run: JobRun): Promise<string> {
  const job = await stack.client.job(run.fence.job_id);
  return tokens.get(job.agent_id ?? "") ?? "";
}

/** A pool of its own for each test, so that none takes another's jobs. */
let pool = "";
let pools = 0;
beforeEach(() => {
  pools += 1;
  pool = `pool-${pools}`;
});

async function mint(): Promise<string> {
  const { agent_id, token } = await stack.client.createAgent("e2e", pool);
  tokens.set(agent_id, token);
  return token;
}

async function writeResults(run: JobRun): Promise<string[]> {
  const dir = join(run.dir, "export");
  await mkdir(dir, { recursive: true });
  return Promise.all(
    RESULT_FILES.map(async (name) => {
      await writeFile(join(dir, name), `${name} of ${run.fence.job_id}`);
      return join(dir, name);
    }),
  );
}

async function createJob(): Promise<string> {
  const body = { task_id: "e2e", filebin_url: "https://example.com/v.mp4", filename: "v.mp4", pool };
  return (await stack.client.createJob(body)).job_id;
}

describe("the agent", () => {
  it("takes a job, reports progress, uploads and completes; the files download as they were made", async () => {
    const gate = Promise.withResolvers<void>();
    startAgent({ token: await mint(), pipeline: fakePipeline([], gate.promise) });
    const jobId = await createJob();
    const training = await stack.jobBecomes(jobId, (job) => job.progress > 0 && job.status === "training");
    expect(training.message).toBe("Training Gaussian Splat... Step 5/10");
    gate.resolve();
    const job = await stack.jobBecomes(jobId, ({ status }) => status === "completed");
    for (const name of RESULT_FILES) {
      const result = job.results?.[name];
      if (result === undefined) throw new Error(`no ${name}`);
      await stack.client.download(result, join(stack.dir, name));
      expect(await readFile(join(stack.dir, name), "utf8")).toBe(`${name} of ${jobId}`);
    }
  });

  it("reports a failure with its code and is ready for the next job", async () => {
    let failures = 0;
    const pipeline: Pipeline = async (run, signal) => {
      failures += 1;
      if (failures === 1) return err(failure("video_corrupt", "moov atom not found."));
      return fakePipeline()(run, signal);
    };
    startAgent({ token: await mint(), pipeline });
    const [bad, good] = [await createJob(), await createJob()];
    expect(await stack.jobBecomes(bad, ({ status }) => status === "failed")).toMatchObject({
      error_code: "video_corrupt",
      error: expect.stringContaining("moov atom not found."),
      error_hint: expect.any(String),
    });
    await stack.jobBecomes(good, ({ status }) => status === "completed");
  });

  it("turns a bug in the pipeline into a failed attempt, not into a dead agent", async () => {
    const pipeline: Pipeline = async (run, signal) => {
      if (run.fence.attempt === 1) throw new Error("a bug");
      return fakePipeline()(run, signal);
    };
    startAgent({ token: await mint(), pipeline });
    const jobId = await createJob();
    const job = await stack.jobBecomes(jobId, ({ failures }) => failures === 1);
    expect(job).toMatchObject({ status: "queued", message: expect.stringContaining("a bug") });
  });

  it("goes on with its job after it was stopped and started again in the same workspace", async () => {
    const token = await mint();
    const workspace = newWorkspace();
    const stopped: string[] = [];
    const never = new Promise<void>(() => undefined);
    const first = startAgent({ token, workspace, pipeline: fakePipeline(stopped, never) });
    const jobId = await createJob();
    await stack.jobBecomes(jobId, ({ status }) => status === "training");
    first.agent.stop();
    expect(await first.ended).toMatchObject({ exit: "closed" });
    expect(stopped).toEqual([jobId]);

    startAgent({ token, workspace, pipeline: fakePipeline() });
    expect(await stack.jobBecomes(jobId, ({ status }) => status === "completed")).toMatchObject({
      attempt: 1,
      lost_leases: 0,
    });
  });

  it("stops work on a job that was taken from it, and forgets one that is deleted", async () => {
    const workspace = newWorkspace();
    const stopped: string[] = [];
    const minted = await stack.client.createAgent("to be deleted", pool);
    const never = new Promise<void>(() => undefined);
    const { ended } = startAgent({ token: minted.token, workspace, pipeline: fakePipeline(stopped, never) });
    const jobId = await createJob();
    await stack.jobBecomes(jobId, ({ status }) => status === "training");
    await stack.client.deleteAgent(minted.agent_id);
    expect(await ended).toMatchObject({ exit: "unauthorized" });
    expect(stopped).toEqual([jobId]);
    expect(await stack.client.job(jobId)).toMatchObject({ status: "queued", lost_leases: 1 });
  });

  it("keeps the folders of the jobs that ended last, and no more", async () => {
    const workspace = newWorkspace();
    startAgent({ token: await mint(), workspace, pipeline: fakePipeline() });
    const ids = [await createJob(), await createJob()];
    for (const id of ids) await stack.jobBecomes(id, ({ status }) => status === "completed");
    await expect.poll(async () => (await workspace.jobs()).map((job) => job.fence.job_id)).toEqual([ids[1]]);
    await expect(stat(workspace.jobDir(ids[0] ?? ""))).rejects.toThrow();
  });

  it("is replaced by a newer process with the same token, and ends", async () => {
    const token = await mint();
    const older = startAgent({ token, pipeline: fakePipeline() });
    const jobId = await createJob();
    await stack.jobBecomes(jobId, ({ status }) => status === "completed");
    startAgent({ token, pipeline: fakePipeline() });
    expect(await older.ended).toMatchObject({ exit: "replaced" });
  });

  it("with a token that is not known stops with a reason", async () => {
    const unknown = `splatt_agent_${crypto.randomUUID()}.${"x".repeat(43)}`;
    const { ended } = startAgent({ token: unknown, pipeline: fakePipeline() });
    expect(await ended).toMatchObject({
      exit: "unauthorized",
      reason: expect.stringContaining("AGENT_TOKEN"),
    });
  });
});
