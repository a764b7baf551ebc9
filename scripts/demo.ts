import { randomBytes } from "node:crypto";
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { basename, extname, join, relative, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type EmbeddedControlPlane, startControlPlane } from "@splatt/control-plane/embedded";
import { JobDisplay, type ResultFile, resultSummary } from "@splatt/gpu-agent/terminal";
import { AgentProcess } from "@splatt/local/agent-process";
import { dataDir, localEngine, ROOT } from "@splatt/local/local-machine";
import { formatWorkerLog } from "@splatt/local/worker-log";
import { makeSampleClip } from "@splatt/sample-clip";
import {
  EngineChoice,
  FAILURES,
  failureSentence,
  isTerminal,
  type JobView,
  RESULT_FILES,
} from "@splatt/shared";
import { execa } from "execa";
import logUpdate from "log-update";
import { Splatt } from "splatt";
import { downloadFile, uploadFile } from "splatt/node";

const USAGE = `Usage: npm run demo [-- VIDEO] [options]

Turns a video into a Gaussian splat on this machine, with an embedded control plane and an agent that connects to
it. Without VIDEO, renders a sample clip and uses that.

  --iterations N      training steps
  --fps N             frames per second of video
  --engine NAME       builtin, nerfstudio or auto (auto on a machine with a GPU, else builtin)
  --max-resolution N  longest side of the training images, in pixels
  --out DIR           folder for the results (demo-results/NAME)
  --open              then show the splat in the browser, until Ctrl-C`;

/** Keeps a demo on the CPU short; on a GPU the API's default applies. */
const CPU_ITERATIONS = 1500;
const MAX_FPS = 4;
const FRAMES_WANTED = 60;
const POLL_MS = 500;
const DEMO_DIR = join(dataDir(process.env), "demo");

/** An error that the user can fix; any other error is a bug and is printed with its stack. */
class DemoError extends Error {}

interface DemoOptions {
  readonly video: string | null;
  readonly iterations: number | undefined;
  readonly fps: number | undefined;
  readonly engine: string;
  readonly maxResolution: number | undefined;
  readonly out: string;
  readonly open: boolean;
}

async function demo(options: DemoOptions, stopping: AbortSignal): Promise<void> {
  await rm(DEMO_DIR, { recursive: true, force: true });
  await mkdir(DEMO_DIR, { recursive: true });
  const log = createWriteStream(join(DEMO_DIR, "demo.log"));
  const video = options.video ?? (await renderSampleClip(stopping));
  stopping.throwIfAborted();

  say("Starting the control plane and an agent ...");
  const apiKey = randomBytes(24).toString("base64url");
  const controlPlane = await startControlPlane({
    dataDir: join(DEMO_DIR, "control-plane"),
    port: 0,
    apiKey,
    onLog: (_level, text) => log.write(`${formatWorkerLog(text)}\n`),
  });
  try {
    const client = new Splatt({ url: controlPlane.url, apiKey: apiKey });
    await withAgent(controlPlane, client, options.engine, log, async (agentGone) => {
      const job = await Promise.race([runJob(client, video, options, stopping), agentGone]);
      const downloads = await downloadResults(client, job, options.out);
      const summary = job.report === null ? "" : resultSummary(job.report, downloads);
      console.log(`\n${summary}\n\nThe results are in ${relative(process.cwd(), options.out) || "."}`);
      if (options.open) await showInBrowser(client, job, basename(options.out), stopping);
    });
  } finally {
    await controlPlane.stop();
    log.end();
  }
}

async function renderSampleClip(signal: AbortSignal): Promise<string> {
  say("Rendering a sample clip ...");
  const path = join(DEMO_DIR, "sample.mp4");
  const made = await makeSampleClip(path, { signal });
  if (!made.ok) throw new DemoError(`${failureSentence(made.error)}\n${FAILURES[made.error.code].hint}`);
  return path;
}

/** Runs `work` while an agent is running; `agentGone` rejects when the agent exits early. */
async function withAgent(
  controlPlane: EmbeddedControlPlane,
  client: Splatt,
  engine: string,
  log: WriteStream,
  work: (agentGone: Promise<never>) => Promise<void>,
): Promise<void> {
  const minted = await client.createAgent({ name: "demo" });
  let lastLine = "";
  const agent = new AgentProcess({
    controlPlane: controlPlane.url,
    token: minted.token,
    workspace: join(DEMO_DIR, "workspace"),
    settings: { ENGINE: engine },
    onLine: (line) => {
      lastLine = line;
      log.write(`${line}\n`);
    },
  });
  const agentGone = agent.exited.then((code): never => {
    throw new DemoError(`The agent exited with code ${code}. Its last line: ${lastLine}`);
  });
  agentGone.catch(() => undefined);
  try {
    await work(agentGone);
  } finally {
    await agent.stop();
  }
}

async function runJob(
  client: Splatt,
  video: string,
  options: DemoOptions,
  stopping: AbortSignal,
): Promise<JobView> {
  const megabytes = ((await stat(video)).size / 1e6).toFixed(1);
  say(`Uploading ${basename(video)} (${megabytes} MB) ...`);
  const onProgress = (fraction: number) => {
    if (process.stdout.isTTY) logUpdate(`  ${Math.round(fraction * 100)} %`);
  };
  const uploadId = await uploadFile(client, video, { onProgress });
  if (process.stdout.isTTY) logUpdate.clear();
  const onCpu = options.engine === "builtin";
  const { job_id } = await client.createJob({
    task_id: "demo",
    upload_id: uploadId,
    engine: EngineChoice.parse(options.engine),
    fps: options.fps ?? (await chooseFps(video)),
    iterations: options.iterations ?? (onCpu ? CPU_ITERATIONS : undefined),
    max_resolution: options.maxResolution,
  });
  say(`Job ${job_id}`);
  return followJob(client, job_id, stopping);
}

/** The rate that yields about as many frames as COLMAP registers in a minute, for a video of any length. */
async function chooseFps(video: string): Promise<number> {
  const { stdout } = await execa(
    "ffprobe",
    ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", video],
    { reject: false },
  );
  const seconds = Number(stdout);
  if (!(seconds > 0)) return MAX_FPS;
  return Math.min(MAX_FPS, Math.round((100 * FRAMES_WANTED) / seconds) / 100);
}

/** Shows the job's progress until it ends: a live line per stage, or one line per change without a terminal. */
async function followJob(client: Splatt, jobId: string, stopping: AbortSignal): Promise<JobView> {
  const display = new JobDisplay();
  for (;;) {
    const job = await client.getJob(jobId);
    display.show(job);
    if (isTerminal(job.status)) {
      display.end();
      if (job.status === "completed") return job;
      throw new DemoError(`The job ${job.status}: ${job.error}\n${job.error_hint ?? ""}`);
    }
    if (job.status === "queued") await failIfNobodyCanRunIt(client);
    await sleep(POLL_MS, undefined, { signal: stopping });
  }
}

async function failIfNobodyCanRunIt(client: Splatt): Promise<void> {
  const { agents } = await client.getHealth();
  const [agent] = agents;
  if (agent !== undefined && agent.slots === 0) throw new DemoError(agent.reason);
}

async function downloadResults(client: Splatt, job: JobView, out: string): Promise<ResultFile[]> {
  await mkdir(out, { recursive: true });
  const downloads: ResultFile[] = [];
  for (const filename of RESULT_FILES) {
    if (job.results?.[filename] === undefined)
      throw new DemoError(`The job is completed but has no ${filename}.`);
  }
  for (const [filename, result] of Object.entries(job.results ?? {})) {
    await downloadFile(client, result, join(out, filename));
    downloads.push({ filename, size: result.size, sha256: result.sha256 });
  }
  return downloads;
}

/** Opens the page of a share, which needs no key, and serves it until the user stops. */
async function showInBrowser(
  client: Splatt,
  job: JobView,
  title: string,
  stopping: AbortSignal,
): Promise<void> {
  const { url } = await client.createShare(job.job_id, { title });
  const program = process.platform === "darwin" ? "open" : "xdg-open";
  const opened = await execa(program, [url], { reject: false, stdio: "ignore", timeout: 5000 });
  const how = opened.exitCode === 0 ? "The splat is open in your browser" : "Open the splat in your browser";
  console.log(`\n${how}: ${url}\nPress Ctrl-C to stop.`);
  await new Promise((resolve) => stopping.addEventListener("abort", resolve));
}

function say(text: string): void {
  console.log(text);
}

function readOptions(): DemoOptions {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      iterations: { type: "string" },
      fps: { type: "string" },
      engine: { type: "string" },
      "max-resolution": { type: "string" },
      out: { type: "string" },
      open: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  // npm runs scripts in the project's folder; the user's paths are relative to the folder that npm was called from.
  const from = process.env.INIT_CWD ?? process.cwd();
  const [given] = positionals;
  const video = given === undefined ? null : resolve(from, given);
  const name = video === null ? "sample" : basename(video, extname(video));
  return {
    video,
    iterations: number(values.iterations, "--iterations"),
    fps: number(values.fps, "--fps"),
    engine: values.engine ?? localEngine(process.env),
    maxResolution: number(values["max-resolution"], "--max-resolution"),
    out: values.out === undefined ? join(ROOT, "demo-results", name) : resolve(from, values.out),
    open: values.open,
  };
}

function number(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  if (Number.isNaN(Number(text))) throw new DemoError(`Invalid ${option}: "${text}" is not a number.`);
  return Number(text);
}

async function main(): Promise<number> {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stopping.abort());
  try {
    const options = readOptions();
    if (options.video !== null && !(await isFile(options.video))) {
      throw new DemoError(`File not found: ${options.video}`);
    }
    await demo(options, stopping.signal);
    return 0;
  } catch (error) {
    if (stopping.signal.aborted) {
      console.error("\nStopped.");
      return 130;
    }
    const known = error instanceof DemoError || (error instanceof Error && error.name === "ApiProblem");
    console.error(`\nThe demo failed.\n${known ? (error as Error).message : errorStack(error)}`);
    console.error(
      `For the logs of the control plane and the agent, see ${relative(process.cwd(), join(DEMO_DIR, "demo.log"))}`,
    );
    return 1;
  }
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() ?? false;
}

function errorStack(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

process.exitCode = await main();
