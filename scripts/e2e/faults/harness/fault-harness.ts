import { cp, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import {
  type EmbeddedControlPlane,
  type EmbeddedOptions,
  startControlPlane,
} from "@splatt/control-plane/embedded";
import type { StoreCall } from "@splatt/control-plane/testing/store-call";
import { readShPly } from "@splatt/formats";
import { ControlPlaneProcess } from "@splatt/local/control-plane-process";
import { formatWorkerLog } from "@splatt/local/worker-log";
import { isTerminal, type JobView, RESULT_FILES, type StageName } from "@splatt/shared";
import { ApiProblem, Splatt } from "splatt";
import { downloadFile } from "splatt/node";
import { expect, type TestContext } from "vitest";
import { jobBecomes } from "../../local-stack.ts";
import { type Prepared, preparedAt, TINY_JOB } from "../prepare.ts";
import { AgentBox } from "./agent-box.ts";
import { type MarkedProcess, marked } from "./marked-processes.ts";
import type { StoreFaults } from "./store-faults.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const FAULTY_WORKER = createRequire(import.meta.url).resolve("@splatt/control-plane/testing/faulty-worker");

const RETRY_MS = 50;

type Timing = Readonly<Record<string, number>>;

/** Short enough for a test to observe their effect. Each test sets its own silence timeout. */
const QUICK: Timing = {
  heartbeatMs: 500,
  heldMs: 500,
  resendMs: 300,
  progressMs: 50,
  progressWriteMs: 1,
  retryMinMs: 50,
  retryMaxMs: 200,
};

/** A harness whose control plane is a separate process, which can be killed. */
export function startFaultHarness(
  preparedUrl: string,
  timing: Timing = {},
): Promise<FaultHarness<ControlPlaneProcess>> {
  return startHarness(preparedUrl, timing, (options, onLine) => ControlPlaneProcess.start(options, onLine));
}

/** A harness whose control plane runs in this process, on stores that fail as `faults` dictates. */
export function startFaultyStoresHarness(
  preparedUrl: string,
  faults: StoreFaults,
  timing: Timing = {},
): Promise<FaultHarness<EmbeddedControlPlane>> {
  const judge = (call: unknown) => faults.judge(call as StoreCall);
  const testing = { main: FAULTY_WORKER, services: { JUDGE: judge } };
  return startHarness(preparedUrl, timing, (options, onLine) =>
    startControlPlane({ ...options, port: 0, testing, onLog: (_level, text) => onLine(text) }),
  );
}

type Start<C> = (
  options: Omit<EmbeddedOptions, "port" | "onLog">,
  onLine: (line: string) => void,
) => Promise<C>;

async function startHarness<C extends ControlPlane>(
  preparedUrl: string,
  timing: Timing,
  start: Start<C>,
): Promise<FaultHarness<C>> {
  const prepared = await preparedAt(preparedUrl);
  const dir = await mkdtemp(join(tmpdir(), "splatt-fault-"));
  const dataDir = join(dir, "control-plane");
  await cp(prepared.controlPlane, dataDir, { recursive: true });
  const log: string[] = [];
  const options = {
    dataDir,
    apiKey: prepared.apiKey,
    dispatchTiming: { ...QUICK, ...timing },
    sources: { allowHttp: true, allowHosts: ["127.0.0.1"] },
  };
  const startAgain = () => start(options, (line) => log.push(formatWorkerLog(line)));
  const controlPlane = await startAgain();
  const network = await TcpProxy.start(controlPlane.url);
  return new FaultHarness({ dir, prepared, log, start: startAgain, controlPlane, network });
}

interface ControlPlane {
  readonly url: string;
  stop(): Promise<void>;
}

interface Parts<C extends ControlPlane> {
  readonly dir: string;
  readonly prepared: Prepared;
  readonly log: readonly string[];
  readonly start: () => Promise<C>;
  readonly controlPlane: C;
  readonly network: TcpProxy;
}

/** A request that brings a result file. */
export const FILE_SENT = /^PUT .*\/files\//;

/**
 * A control plane, a network that can break, and hosts with agents: all real. Starts from copies of what prepare.ts
 * made.
 */
export class FaultHarness<C extends ControlPlane = ControlPlane> {
  readonly dir: string;
  /** Between all agents and the control plane. */
  readonly network: TcpProxy;
  /** The control plane's log. */
  readonly log: readonly string[];
  /** The pool of new agents and jobs: one per test, so that none takes another's jobs. */
  pool = "faults-0";
  readonly #parts: Parts<C>;
  readonly #boxes: AgentBox[] = [];
  #controlPlane: C;
  #made = 0;

  constructor(parts: Parts<C>) {
    this.dir = parts.dir;
    this.network = parts.network;
    this.log = parts.log;
    this.#parts = parts;
    this.#controlPlane = parts.controlPlane;
  }

  get clip(): string {
    return this.#parts.prepared.clip;
  }

  /** A COLMAP that answers from the job that prepare.ts ran. */
  get colmap(): string {
    return this.#parts.prepared.colmap;
  }

  get controlPlane(): C {
    return this.#controlPlane;
  }

  /** Connects to the control plane directly, unaffected by the agents' network. */
  get client(): Splatt {
    return new Splatt({ url: this.#controlPlane.url, apiKey: this.#parts.prepared.apiKey });
  }

  /** Restarts the control plane on the data of the killed or stopped one. */
  async restartControlPlane(): Promise<void> {
    this.#controlPlane = await this.#parts.start();
    this.network.retarget(this.#controlPlane.url);
  }

  /**
   * @param stages whether it has the finished stages that `tinyJob` reuses
   * @param twin the box whose token it shares
   * @param workspace its folder, which the caller removes; by default a new one
   */
  async newBox(
    stages: "with stages" | "empty" = "with stages",
    twin?: AgentBox,
    workspace = join(this.dir, `workspace-${this.#next()}`),
  ): Promise<AgentBox> {
    const { agentId, token } = twin ?? (await this.#mint());
    const box = new AgentBox({ agentId, token, controlPlane: this.network.url, workspace });
    if (stages === "with stages") await this.giveStages(box);
    this.#boxes.push(box);
    return box;
  }

  async giveStages(box: AgentBox): Promise<void> {
    const { jobId, jobDir } = this.#parts.prepared;
    await box.giveJob(jobId, jobDir);
  }

  /** A job that a box with stages resumes at the training, or at the first stage that `changes` affect. */
  async tinyJob(changes: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const differs = { iterations: TINY_JOB.iterations + 1, pool: this.pool, ...changes };
    return (await this.client.retryJob(this.#parts.prepared.jobId, differs)).job_id;
  }

  /** A job without reusable stages. @param source by default the clip, which the control plane has */
  async wholeJob(source: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const video = "video_url" in source ? {} : { upload_id: this.#parts.prepared.uploadId };
    const body = { task_id: "faults", pool: this.pool, ...TINY_JOB, ...video, ...source };
    return (await this.client.createJob(body)).job_id;
  }

  /** Repeats a call of the API until it answers, as a patient client does. */
  async insist<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof ApiProblem) || error.problem.status < 500) throw error;
        await setTimeout(RETRY_MS);
      }
    }
  }

  jobBecomes(jobId: string, wanted: (job: JobView) => boolean): Promise<JobView> {
    // The control plane's own disk may be slow on a busy machine.
    return this.insist(() => jobBecomes(this.client, jobId, wanted));
  }

  ended(jobId: string): Promise<JobView> {
    return this.jobBecomes(jobId, ({ status }) => isTerminal(status));
  }

  /**
   * Waits for the job to complete, downloads its files, and checks that they are whole and consistent.
   */
  async completed(jobId: string): Promise<JobView> {
    const job = await this.ended(jobId);
    expect(job).toMatchObject({ status: "completed", progress: 100, error: null });
    expect(Object.keys(job.results ?? {})).toEqual(expect.arrayContaining([...RESULT_FILES]));
    const dir = await mkdtemp(join(this.dir, "results-"));
    for (const [name, result] of Object.entries(job.results ?? {})) {
      // Compares size and SHA-256 with the API's.
      await downloadFile(this.client, result, join(dir, name));
    }
    const splat = await readShPly(join(dir, "baked_splat_sh.ply"));
    expect(splat).toMatchObject({ ok: true, value: { count: job.report?.train?.gaussians } });
    return job;
  }

  /** How often result files of a job were sent over the network; each of them is small enough for one request. */
  filesSent(job: JobView): number {
    return this.network.count(new RegExp(`^PUT /agent/jobs/${job.job_id}/files/`));
  }

  /** For `afterEach`: ends everything that the test left running, and checks that no process remains. */
  async endTest({ task }: TestContext): Promise<void> {
    // With the error, not above it: a long log is cut, and its end is what people read.
    for (const error of task.result?.errors ?? []) error.message += `\n${this.#story()}`;
    this.network.repair();
    const left: MarkedProcess[] = [];
    for (const box of this.#boxes.splice(0)) {
      await box.stop();
      left.push(...(await marked(box.workspace)));
    }
    for (const { pid } of left) process.kill(pid, "SIGKILL");
    expect(left, "orphans").toEqual([]);
    this.pool = `faults-${this.#next()}`;
  }

  async stop(): Promise<void> {
    await this.network.stop();
    await this.#controlPlane.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  async #mint(): Promise<{ agentId: string; token: string }> {
    const { agent_id, token } = await this.client.createAgent({ name: "box", pool: this.pool });
    return { agentId: agent_id, token };
  }

  #next(): number {
    this.#made += 1;
    return this.#made;
  }

  /** The logs of all sides, for debugging a failed test. */
  #story(): string {
    const parts = [this.log, ...this.#boxes.map((box) => box.log)];
    return parts.flatMap((lines) => lines.slice(-60).map((line) => line.slice(0, 300))).join("\n");
  }
}

/** The result files are small enough for one part each. */
export function fileCount(job: JobView): number {
  return Object.keys(job.results ?? {}).length;
}

/** The stages that ran in the job's last run, and those that it reused. */
export function stagesOf(job: JobView): { ran: StageName[]; reused: StageName[] } {
  const stages = job.report?.stages ?? [];
  return {
    ran: stages.filter(({ reused }) => !reused).map(({ stage }) => stage),
    reused: stages.filter(({ reused }) => reused).map(({ stage }) => stage),
  };
}
