import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startControlPlane } from "@splatt/control-plane/embedded";
import { AgentProcess } from "@splatt/local/agent-process";
import { makeSampleClip } from "@splatt/sample-clip";
import { isTerminal } from "@splatt/shared";
import { SplattClient } from "splatt";
import { uploadFile } from "splatt/node";
import type { TestProject } from "vitest/node";
import { jobBecomes } from "../local-stack.ts";

/** What all fault tests begin with; each works on copies. */
export interface Prepared {
  readonly clip: string;
  /** A control plane's data, in which one job has completed. */
  readonly controlPlane: string;
  readonly apiKey: string;
  readonly jobId: string;
  readonly uploadId: string;
  /** The folder of that job in the workspace of the agent that ran it: a retry reuses its stages. */
  readonly jobDir: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    prepared: Prepared;
  }
}

/** As small as COLMAP still places every frame of, and reliably so. */
const CLIP = { width: 240, height: 180, seconds: 3, fps: 4 };
/** A second of training. */
export const TINY_JOB = { iterations: 40, preset: "draft", max_resolution: 64, max_splats: 1000 } as const;

const API_KEY = "faults-key";

let dir: string;

/** Runs once for all fault tests: renders the clip, and runs the job whose finished stages they reuse. */
export async function setup(project: TestProject): Promise<void> {
  dir = await mkdtemp(join(tmpdir(), "splatt-faults-"));
  const clip = join(dir, "video.mp4");
  const made = await makeSampleClip(clip, CLIP);
  if (!made.ok) throw new Error(made.error.detail);

  const log: string[] = [];
  const onLine = (line: string) => log.push(line);
  const data = join(dir, "control-plane");
  const controlPlane = await startControlPlane({
    dataDir: data,
    port: 0,
    apiKey: API_KEY,
    onLog: (_level, text) => onLine(text),
  });
  const client = new SplattClient(controlPlane.url, API_KEY);
  const { token } = await client.createAgent("prepares");
  const workspace = join(dir, "workspace");
  const settings = { ENGINE: "builtin" };
  const agent = new AgentProcess({ controlPlane: controlPlane.url, token, workspace, settings, onLine });
  const uploadId = await uploadFile(client, clip);
  const { job_id: jobId } = await client.createJob({ task_id: "faults", upload_id: uploadId, ...TINY_JOB });
  const { status } = await jobBecomes(client, jobId, (job) => isTerminal(job.status));
  await agent.stop();
  await controlPlane.stop();
  if (status !== "completed") throw new Error(`the first job is ${status}:\n${log.join("\n")}`);
  const jobDir = join(workspace, "jobs", jobId);
  project.provide("prepared", { clip, controlPlane: data, apiKey: API_KEY, jobId, uploadId, jobDir });
}

export async function teardown(): Promise<void> {
  await rm(dir, { recursive: true, force: true });
}
