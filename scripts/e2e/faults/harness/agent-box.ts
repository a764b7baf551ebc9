import { readFileSync } from "node:fs";
import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type JobRecord, loadJobRecord } from "@splatt/gpu-agent/jobs/job-record";
import { AgentProcess } from "@splatt/local/agent-process";
import { marked } from "./marked-processes.ts";

const LOOK_MS = 20;

export type Settings = Readonly<Record<string, string>>;

/** A host with an agent: its workspace and token outlive the agent's processes. */
export class AgentBox {
  readonly agentId: string;
  readonly workspace: string;
  /** The log of all its agents. */
  readonly log: string[] = [];
  readonly token: string;
  readonly #controlPlane: string;
  readonly #agents: AgentProcess[] = [];
  #settings: Settings = {};

  constructor(options: { agentId: string; token: string; controlPlane: string; workspace: string }) {
    this.agentId = options.agentId;
    this.workspace = options.workspace;
    this.token = options.token;
    this.#controlPlane = options.controlPlane;
  }

  /** Starts the agent, by default with the settings of the last start. */
  start(settings: Settings = this.#settings): AgentProcess {
    this.#settings = settings;
    const agent = new AgentProcess({
      controlPlane: this.#controlPlane,
      token: this.token,
      workspace: this.workspace,
      settings: { ENGINE: "builtin", KEEP_JOBS: "32", ...settings },
      onLine: (line) => this.log.push(line),
    });
    this.#agents.push(agent);
    return agent;
  }

  /** Sends the agent a signal and waits for its exit. SIGKILL stands for an OOM kill or a power cut. */
  async end(signal: NodeJS.Signals): Promise<void> {
    for (const agent of this.#agents) agent.kill(signal);
    for (const agent of this.#agents.splice(0)) await agent.exited;
  }

  /** Suspends the host: the agent and all its child processes are stopped until `wake()`. */
  async suspend(): Promise<void> {
    for (const agent of this.#agents) agent.kill("SIGSTOP");
    for (const { pid } of await marked(this.workspace)) process.kill(pid, "SIGSTOP");
  }

  async wake(): Promise<void> {
    for (const { pid } of await marked(this.workspace)) process.kill(pid, "SIGCONT");
    for (const agent of this.#agents) agent.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    await this.wake();
    for (const agent of this.#agents.splice(0)) await agent.stop();
  }

  /** Resolves when its agents log a matching line that they had not logged at the time of the call. */
  async says(line: RegExp): Promise<void> {
    const before = this.log.length;
    while (!this.log.slice(before).some((said) => line.test(said))) await look();
  }

  jobDir(jobId: string): string {
    return join(this.workspace, "jobs", jobId);
  }

  /** The agent's folder of a job. */
  record(jobId: string): Promise<JobRecord | null> {
    return loadJobRecord(this.jobDir(jobId));
  }

  /** The output of the job's tools. */
  pipelineLog(jobId: string): Promise<string> {
    return readFile(join(this.jobDir(jobId), "pipeline.log"), "utf8").catch(() => "");
  }

  /** Resolves when the running download has this many bytes on disk and in its record. */
  async downloaded(jobId: string, bytes: number): Promise<void> {
    const dir = this.jobDir(jobId);
    for (;;) {
      const names = await readdir(dir, { recursive: true }).catch(() => []);
      const record = names.find((name) => name.endsWith("/source.part.json"));
      if (record !== undefined && recordedBytes(join(dir, record)) >= bytes) return;
      await look();
    }
  }

  /** Copies the folder of an ended job into the workspace, so that a retry can reuse its finished stages. */
  async giveJob(jobId: string, from: string): Promise<void> {
    await cp(from, this.jobDir(jobId), { recursive: true });
  }
}

function recordedBytes(path: string): number {
  const { spans } = JSON.parse(readFileSync(path, "utf8")) as { spans: { from: number; to: number }[] };
  return spans.reduce((sum, { from, to }) => sum + to - from, 0);
}

function look(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}
