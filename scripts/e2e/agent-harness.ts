import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Agent } from "@splatt/gpu-agent/agent";
import { ControlPlaneClient } from "@splatt/gpu-agent/control-plane-client";
import type { HostView } from "@splatt/gpu-agent/gpu-host";
import { Workspace } from "@splatt/gpu-agent/jobs/workspace";
import { createLogger } from "@splatt/gpu-agent/log";
import { PauseFile } from "@splatt/gpu-agent/owner/pause";
import type { Pipeline, PipelineJob } from "@splatt/gpu-agent/pipeline/pipeline-job";
import { ResourceTokens } from "@splatt/gpu-agent/pipeline/resource-tokens";
import { StageRunner } from "@splatt/gpu-agent/pipeline/stage-runner";
import { createUploadStage } from "@splatt/gpu-agent/pipeline/upload";
import { Secret } from "@splatt/gpu-agent/secret";
import { idleHost } from "@splatt/gpu-agent/testing/idle-host";
import { type AgentOffer, err, failure, RESULT_FILES } from "@splatt/shared";
import type { LocalStack } from "./local-stack.ts";

export const FAKE_OFFER: AgentOffer = {
  engines: [{ name: "builtin", usable: true, version: null, reason: "" }],
  default_engine: "builtin",
  slots: 1,
  reason: "fake",
  gpus: [],
};

const LOG = createLogger({ level: "silent", format: "json" });

export const never = new Promise<void>(() => undefined);

type ControlPlane = Pick<LocalStack, "url" | "dir" | "client">;

/** Real agents in this process, for the control plane of a `LocalStack`, with fake pipelines. */
export class AgentHarness {
  /** The pool of new agents and jobs; `stopAgents` starts a new one, so that no test takes another's jobs. */
  pool = "pool-0";
  readonly #stack: ControlPlane;
  readonly #tokens = new Map<string, string>();
  readonly #running: { agent: Agent; ended: Promise<unknown> }[] = [];
  #workspaces = 0;
  #pools = 0;

  constructor(stack: ControlPlane) {
    this.#stack = stack;
  }

  async mint(): Promise<string> {
    const { agent_id, token } = await this.#stack.client.createAgent({ name: "e2e", pool: this.pool });
    this.#tokens.set(agent_id, token);
    return token;
  }

  /** @param freeBytes how much is free on its disk */
  newWorkspace(freeBytes?: () => Promise<number>): Workspace {
    this.#workspaces += 1;
    return new Workspace(join(this.#stack.dir, `workspace-${this.#workspaces}`), freeBytes);
  }

  startAgent(options: {
    token: string;
    pipeline: Pipeline;
    workspace?: Workspace;
    offer?: AgentOffer;
    host?: HostView;
    minFreeGpuBytes?: number;
    keepJobs?: number;
    drainMs?: number;
  }) {
    const workspace = options.workspace ?? this.newWorkspace();
    const agent = new Agent({
      controlPlane: this.#stack.url,
      token: new Secret(options.token),
      name: "e2e",
      version: "0",
      host: options.host ?? idleHost(options.offer ?? FAKE_OFFER),
      minFreeGpuBytes: options.minFreeGpuBytes ?? 0,
      workspace,
      pauseFile: new PauseFile(workspace.root),
      pipeline: options.pipeline,
      retention: { keepJobs: options.keepJobs ?? 1, maxBytes: Number.MAX_SAFE_INTEGER },
      drainMs: options.drainMs ?? 0,
      diskPatienceMs: 300_000,
      log: LOG,
      backoff: { minMs: 10, maxMs: 100, maxHoldingMs: 100 },
    });
    const ended = agent.run();
    this.#running.push({ agent, ended });
    return { agent, ended };
  }

  async stopAgents(): Promise<void> {
    for (const { agent, ended } of this.#running.splice(0)) {
      agent.stop();
      await ended;
    }
    this.#pools += 1;
    this.pool = `pool-${this.#pools}`;
  }

  async createJob(fields: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const video = { filebin_url: "https://example.com/v.mp4", filename: "v.mp4" };
    const body = { task_id: "e2e", pool: this.pool, ...video, ...fields };
    return (await this.#stack.client.createJob(body)).job_id;
  }

  /** A stage that lasts until `gate` opens, then real uploads of its files. */
  fakePipeline(stopped: string[] = [], gate: Promise<void> = Promise.resolve()): Pipeline {
    return async (run, signal) => {
      await run.beginStage("train", false);
      run.reportProgress("train", { fraction: 0.5, message: "Training Gaussian Splat... Step 5/10" });
      const aborted = this.untilStopped(signal);
      const outcome = await Promise.race([gate, aborted]);
      if (outcome !== undefined) {
        stopped.push(run.fence.job_id);
        return outcome;
      }
      return this.upload(run, signal);
    };
  }

  /** A stage without work that stops on its signal. */
  untilStopped(signal: AbortSignal): ReturnType<Pipeline> {
    const outcome = err(failure("agent_stopped", ""));
    return new Promise((resolve) => {
      if (signal.aborted) resolve(outcome);
      signal.addEventListener("abort", () => resolve(outcome));
    });
  }

  /** Creates result files and really uploads them. */
  async upload(run: PipelineJob, signal: AbortSignal): ReturnType<Pipeline> {
    const tokens = new ResourceTokens({ network: 1, cpu: 1, gpus: [null] });
    const stages = new StageRunner({ job: run, signal, tokens });
    return stages.run(createUploadStage(await this.clientOf(run), run), await writeResults(run));
  }

  /** For the agent's HTTP requests. */
  async clientOf(run: PipelineJob): Promise<ControlPlaneClient> {
    const job = await this.#stack.client.getJob(run.fence.job_id);
    const token = new Secret(this.#tokens.get(job.agent_id ?? "") ?? "");
    return new ControlPlaneClient({ controlPlane: this.#stack.url, token, log: LOG });
  }
}

async function writeResults(run: PipelineJob): Promise<string[]> {
  const dir = join(run.dir, "export");
  await mkdir(dir, { recursive: true });
  return Promise.all(
    RESULT_FILES.map(async (name) => {
      await writeFile(join(dir, name), `${name} of ${run.fence.job_id}`);
      return join(dir, name);
    }),
  );
}
