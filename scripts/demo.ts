import { randomBytes } from "node:crypto";
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { basename, extname, join, relative, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type EmbeddedControlPlane, startControlPlane } from "@splatt/control-plane/embedded";
import { AgentProcess } from "@splatt/local/agent-process";
import { dataDir, localEngine, ROOT } from "@splatt/local/local-machine";
import { scriptOptions } from "@splatt/local/script-options";
import { formatWorkerLog } from "@splatt/local/worker-log";
import { makeSampleClip } from "@splatt/sample-clip";
import { FAILURES, failureSentence } from "@splatt/shared";
import { execa } from "execa";
import { Splatt } from "splatt";
import { runCommandLine } from "splatt/cli";

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
const POLL_MS = 1000;
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

/** A control plane, an agent, and `splatt VIDEO`. @returns the exit code of the latter */
async function demo(options: DemoOptions, stopping: AbortSignal): Promise<number> {
  await rm(DEMO_DIR, { recursive: true, force: true });
  await mkdir(DEMO_DIR, { recursive: true });
  const log = createWriteStream(join(DEMO_DIR, "demo.log"));
  const video = options.video ?? (await renderSampleClip(stopping));
  stopping.throwIfAborted();

  console.log("Starting the control plane and an agent ...");
  const apiKey = randomBytes(24).toString("base64url");
  const controlPlane = await startControlPlane({
    dataDir: join(DEMO_DIR, "control-plane"),
    port: 0,
    apiKey,
    stopping,
    onLog: (_level, text) => log.write(`${formatWorkerLog(text)}\n`),
  });
  const { url } = controlPlane;
  try {
    const splatt = new Splatt({ url, apiKey });
    return await withAgent(controlPlane, splatt, options.engine, log, async (agentGone) => {
      const done = new AbortController();
      try {
        const code = runCommandLine(await videoCommand(video, options), {
          environment: { ...process.env, SPLATT_URL: url, SPLATT_API_KEY: apiKey },
          folder: process.cwd(),
          streams: process,
          signal: AbortSignal.any([stopping, done.signal]),
          stopped: "Stopped.",
        });
        const exit = await Promise.race([code, agentGone, failWhenNobodyCanRunIt(splatt, done.signal)]);
        if (exit !== 0) return exit;
        if (options.open) await untilStopped(stopping);
        else
          console.log(
            "\nThe demo's control plane stops now, and its page with it; --open keeps it, and shows the splat.",
          );
        return exit;
      } finally {
        done.abort();
      }
    });
  } finally {
    await controlPlane.stop();
    log.end();
  }
}

async function videoCommand(video: string, options: DemoOptions): Promise<string[]> {
  const { engine, out, open, maxResolution } = options;
  const iterations = options.iterations ?? (engine === "builtin" ? CPU_ITERATIONS : undefined);
  const fps = options.fps ?? (await chooseFps(video));
  return [
    ...["run", video, "--engine", engine, "--out", out, "--fps", String(fps)],
    ...(iterations === undefined ? [] : ["--iterations", String(iterations)]),
    ...(maxResolution === undefined ? [] : ["--max-resolution", String(maxResolution)]),
    ...(open ? ["--open"] : []),
  ];
}

/** The page that `--open` shows needs the control plane. */
async function untilStopped(stopping: AbortSignal): Promise<void> {
  console.log("Press Ctrl-C to stop.");
  if (!stopping.aborted) await new Promise((resolve) => stopping.addEventListener("abort", resolve));
}

async function renderSampleClip(signal: AbortSignal): Promise<string> {
  console.log("Rendering a sample clip ...");
  const path = join(DEMO_DIR, "sample.mp4");
  const made = await makeSampleClip(path, { signal });
  if (!made.ok) throw new DemoError(`${failureSentence(made.error)}\n${FAILURES[made.error.code].hint}`);
  return path;
}

/** Runs `work` while an agent is running; `agentGone` rejects when the agent exits early. */
async function withAgent<T>(
  controlPlane: EmbeddedControlPlane,
  splatt: Splatt,
  engine: string,
  log: WriteStream,
  work: (agentGone: Promise<never>) => Promise<T>,
): Promise<T> {
  const minted = await splatt.createAgent({ name: "demo" });
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
    return await work(agentGone);
  } finally {
    await agent.stop();
  }
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

/** An agent that offers no slots says why; the job would wait for ever. */
async function failWhenNobodyCanRunIt(splatt: Splatt, signal: AbortSignal): Promise<never> {
  for (;;) {
    await sleep(POLL_MS, undefined, { signal });
    const { agents, queued_jobs } = await splatt.getHealth({ signal });
    const [agent] = agents;
    if (queued_jobs > 0 && agent?.slots === 0) throw new DemoError(agent.reason);
  }
}

function readOptions(): DemoOptions {
  const { values, positionals } = scriptOptions(USAGE, {
    allowPositionals: true,
    options: {
      iterations: { type: "string" },
      fps: { type: "string" },
      engine: { type: "string" },
      "max-resolution": { type: "string" },
      out: { type: "string" },
      open: { type: "boolean", default: false },
    },
  });
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
    return await demo(options, stopping.signal);
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
