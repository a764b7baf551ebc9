import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleWorker } from "@splatt/control-plane/bundle";
import { startControlPlane } from "@splatt/control-plane/embedded";
import { AgentProcess, type AgentProcessOptions } from "@splatt/local/agent-process";
import { makeSampleClip } from "@splatt/sample-clip";
import { errorText, isTerminal } from "@splatt/shared";
import { Splatt } from "splatt";
import { uploadFile } from "splatt/node";
import type { TestProject } from "vitest/node";
import { jobBecomes } from "../local-stack.ts";
import { SMALLEST_CLIP } from "../smallest-clip.ts";
import { RecordedColmap } from "./harness/recorded-colmap.ts";

/** The starting point of all fault tests. Each works on copies. */
export interface Prepared {
  readonly clip: string;
  /** A control plane's data with one completed job. */
  readonly controlPlane: string;
  readonly apiKey: string;
  readonly jobId: string;
  readonly uploadId: string;
  /** The folder of that job in the workspace of the agent that ran it: a retry reuses its stages. */
  readonly jobDir: string;
  /** A COLMAP that answers from that job. */
  readonly colmap: string;
}

/** Why the preparation failed. The fault tests fail with it; all other tests run. */
export interface PreparationFailure {
  readonly failure: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    /** Where a `Prepared` or a `PreparationFailure` is to be had, once there is one. */
    prepared: string;
  }
}

/** A second of training. */
export const TINY_JOB = { iterations: 40, preset: "draft", max_resolution: 64, max_splats: 1000 } as const;

const API_KEY = "faults-key";

let dir = "";
let preparing: Promise<Prepared | PreparationFailure>;
let server: Server;

/**
 * Runs once for all fault tests: renders the clip and runs the job whose finished stages they reuse. Other tests run
 * meanwhile.
 */
export async function setup(project: TestProject): Promise<void> {
  dir = await mkdtemp(join(tmpdir(), "splatt-faults-"));
  // Every test of a control plane needs it; several processes would make it at the same time.
  await bundleWorker();
  preparing = prepareOrSayWhy();
  server = createServer(async (_, response) => response.end(JSON.stringify(await preparing)));
  await once(server.listen(0, "127.0.0.1"), "listening");
  project.provide("prepared", `http://127.0.0.1:${(server.address() as AddressInfo).port}/prepared`);
}

export async function teardown(): Promise<void> {
  await preparing;
  server.close();
  await rm(dir, { recursive: true, force: true });
}

/** @param url the one that `prepare` provides to the tests */
export async function preparedAt(url: string): Promise<Prepared> {
  const prepared = (await (await fetch(url)).json()) as Prepared | PreparationFailure;
  if ("failure" in prepared) throw new Error(prepared.failure);
  return prepared;
}

async function prepareOrSayWhy(): Promise<Prepared | PreparationFailure> {
  const log: string[] = [];
  try {
    return await prepare((line) => log.push(line));
  } catch (error) {
    const reason = `The set-up of the fault tests failed: ${errorText(error)}`;
    return { failure: [reason, ...log].join("\n") };
  }
}

async function prepare(onLine: (line: string) => void): Promise<Prepared> {
  const clip = join(dir, "video.mp4");
  const made = await makeSampleClip(clip, SMALLEST_CLIP);
  if (!made.ok) throw new Error(made.error.detail);
  const dataDir = join(dir, "control-plane");
  const controlPlane = await startControlPlane({
    dataDir,
    port: 0,
    apiKey: API_KEY,
    onLog: (_level, text) => onLine(text),
  });
  try {
    const client = new Splatt({ url: controlPlane.url, apiKey: API_KEY });
    const uploadId = await uploadFile(client, clip);
    const workspace = join(dir, "workspace");
    const colmap = await RecordedColmap.make(join(dir, "colmap"));
    // In the sandbox it could not write its recording.
    const settings = { ENGINE: "builtin", COLMAP_PATH: colmap.recorder, SANDBOX: "off" };
    const options = { controlPlane: controlPlane.url, workspace, settings, onLine };
    const jobId = await runFirstJob(client, uploadId, options);
    const jobDir = join(workspace, "jobs", jobId);
    return {
      clip,
      controlPlane: dataDir,
      apiKey: API_KEY,
      jobId,
      uploadId,
      jobDir,
      colmap: await colmap.player(),
    };
  } finally {
    await controlPlane.stop();
  }
}

/** @returns the job's id, once it has completed */
async function runFirstJob(
  client: Splatt,
  uploadId: string,
  options: Omit<AgentProcessOptions, "token">,
): Promise<string> {
  const { token } = await client.createAgent({ name: "first" });
  const agent = new AgentProcess({ ...options, token });
  const agentGone = agent.exited.then((code): never => {
    throw new Error(`the agent exited with ${code}`);
  });
  agentGone.catch(() => undefined);
  try {
    const { job_id } = await client.createJob({ task_id: "faults", upload_id: uploadId, ...TINY_JOB });
    const ended = jobBecomes(client, job_id, ({ status, failures }) => isTerminal(status) || failures > 0);
    const { status, message } = await Promise.race([ended, agentGone]);
    if (status !== "completed") throw new Error(`the first job is ${status}: ${message}`);
    return job_id;
  } finally {
    await agent.stop();
  }
}
