import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, extname, join, relative, resolve } from "node:path";
import { EngineChoice, errorText, FAILURES, failureSentence, JobOptions, printable } from "@splatt/shared";
import { folderProblem, makeFolder } from "@splatt/shared/folders";
import { JobDisplay, resultSummary } from "@splatt/shared/terminal";
import logUpdate from "log-update";
import { type MachineConfig, readMachineConfig } from "../config.ts";
import { TAKES_NO_JOBS } from "../engines/choose.ts";
import { makeFolderPrivate } from "../files/private-folder.ts";
import { GpuHost } from "../gpu-host.ts";
import { type LocalSource, runLocally, WORK_FOLDER } from "../local-run/local-run.ts";
import { createLogger } from "../log.ts";
import { FolderLock } from "../processes/folder-lock.ts";
import { killOrphans, markChildren } from "../processes/orphans.ts";
import { type Command, readArgs, UsageError } from "./command.ts";
import { settingsOrComplaint } from "./environment.ts";
import { EXIT } from "./exit-codes.ts";

const OPTIONS = {
  fps: { type: "string" },
  "start-sec": { type: "string" },
  "end-sec": { type: "string" },
  iterations: { type: "string" },
  preset: { type: "string" },
  up: { type: "string" },
  "scale-reference": { type: "string" },
  engine: { type: "string" },
  "max-splats": { type: "string" },
  "max-resolution": { type: "string" },
  out: { type: "string" },
  verbose: { type: "boolean", default: false },
} as const;

/** The parsed command line. */
export interface RunRequest {
  readonly source: LocalSource;
  readonly options: JobOptions;
  readonly out: string;
  readonly verbose: boolean;
}

export const run: Command = {
  usage: `Usage: splatt-agent run VIDEO [options]

VIDEO is a file or a URL. The results go to a folder: transforms.json, baked_splat.ply, baked_splat_sh.ply, formats for
the web, metrics.json and pipeline.log. After Ctrl-C or a crash, the same command resumes where it stopped; with other
options, it reuses the stages whose options did not change.

  --fps N             frames per second of video (4)
  --start-sec S       start of the part of the video to use
  --end-sec S         end of that part
  --iterations N      training steps (5000)
  --preset NAME       draft, standard or high
  --up SIDE           the side of the pictures that points up: auto, top, right, bottom, left or camera
  --scale-reference A,B=METRES
                      how far apart the cameras of two frames are; each a number, a time (2.5s) or a photo's name
  --engine NAME       ${EngineChoice.options.join(", ")}; defaults to the setting ENGINE
  --max-splats N      maximum number of gaussians
  --max-resolution N  longest side of the training images, in pixels
  --out DIR           folder for the results (NAME-splat in the current folder)
  --verbose           print the log instead of the progress`,
  async run(args) {
    const { values, positionals } = readArgs(args, OPTIONS, 1);
    const request = await readRequest(values, positionals[0]);
    const settings = settingsOrComplaint(readMachineConfig);
    if (settings === null) return EXIT.misconfigured;
    const { engine } = request.options;
    const config = engine === "auto" ? settings : { ...settings, ENGINE: engine };
    try {
      await makeFolder(request.out);
      await makeFolderPrivate(join(request.out, WORK_FOLDER));
    } catch (error) {
      const problem = folderProblem(error) ?? errorText(error);
      console.error(`The folder ${request.out} cannot be used: ${problem}. Choose another with --out.`);
      return EXIT.misconfigured;
    }
    const lock = new FolderLock(join(request.out, WORK_FOLDER, "run.lock"));
    if (!(await lock.take())) {
      console.error(`Another run uses ${request.out}. Choose another folder with --out.`);
      return EXIT.misconfigured;
    }
    try {
      return await runRequest(request, config);
    } finally {
      await lock.release();
    }
  },
};

/** In characters of up to four bytes: the name of a folder may have 255 bytes. */
const MAX_FOLDER_NAME = 60;

type Values = ReturnType<typeof readArgs<typeof OPTIONS>>["values"];

async function readRequest(values: Values, video: string | undefined): Promise<RunRequest> {
  if (video === undefined) throw new UsageError("Missing argument: VIDEO");
  const from = callerFolder();
  const source = await readSource(video, from);
  const given = {
    fps: values.fps,
    start_sec: values["start-sec"],
    end_sec: values["end-sec"],
    iterations: values.iterations,
    preset: values.preset,
    up: values.up,
    scale_reference: values["scale-reference"],
    engine: values.engine,
    max_splats: values["max-splats"],
    max_resolution: values["max-resolution"],
  };
  const parsed = JobOptions.safeParse(
    Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  );
  if (!parsed.success) {
    throw new UsageError(
      parsed.error.issues
        .map(({ path, message }) => `--${path.join(".").replaceAll("_", "-")}: ${message}`)
        .join("\n"),
    );
  }
  const { start_sec, end_sec } = parsed.data;
  if (end_sec !== null && end_sec <= start_sec) throw new UsageError("--end-sec must be after --start-sec.");
  const name = basename(source.kind === "url" ? new URL(source.url).pathname : source.video.path);
  const out = values.out ?? `${folderName(name.slice(0, name.length - extname(name).length))}-splat`;
  return { source, options: parsed.data, out: resolve(from, out), verbose: values.verbose };
}

/** A video's name may be 255 bytes long, and contain control characters. */
function folderName(video: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return video.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "_").slice(0, MAX_FOLDER_NAME) || "video";
}

async function readSource(video: string, from: string): Promise<LocalSource> {
  if (/^https?:\/\//i.test(video)) {
    if (!URL.canParse(video)) throw new UsageError(`${video} is not a web address.`);
    return { kind: "url", url: video };
  }
  const path = resolve(from, video);
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) throw new UsageError(`${path} is a folder. Pack it as a zip or tar file.`);
  if (!found?.isFile()) throw new UsageError(`There is no file ${path}.`);
  return { kind: "file", video: { path, size: found.size, modifiedMs: found.mtimeMs } };
}

async function runRequest(request: RunRequest, config: MachineConfig): Promise<number> {
  const work = join(request.out, WORK_FOLDER);
  markChildren(work);
  killOrphans(work);
  const log = createLogger({ level: request.verbose ? "info" : "silent", format: config.LOG_FORMAT });
  const host = await GpuHost.setUp(config, log);
  if (host.capacity.default_engine === null) {
    console.error(host.capacity.reason.replace(TAKES_NO_JOBS, "No splat can be made here: "));
    return EXIT.misconfigured;
  }
  const stopping = new AbortController();
  const onSignal = () => {
    if (stopping.signal.aborted) process.exit(EXIT.interrupted);
    stopping.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  const display = request.verbose
    ? null
    : new JobDisplay({
        redraw: process.stdout.isTTY ? logUpdate : null,
        print: console.log,
        keep: () => logUpdate.done(),
      });
  const outcome = await runLocally({
    ...request,
    host,
    log,
    onProgress: (job) => display?.show(job),
    signal: stopping.signal,
  });
  if (outcome.ok) display?.show({ status: "completed", progress: 100, message: "", eta_seconds: null });
  display?.end();
  const folder = relative(callerFolder(), request.out) || ".";
  if (outcome.ok) {
    console.log(
      `\n${resultSummary(outcome.value.report, outcome.value.files)}\n\nThe files are in ${folder}`,
    );
    return EXIT.ok;
  }
  if (stopping.signal.aborted) {
    console.error("\nStopped. Run the same command again to continue.");
    return EXIT.interrupted;
  }
  console.error(`\n${printable(failureSentence(outcome.error))}\n${FAILURES[outcome.error.code].hint}`);
  // Without a tool's output there is no file.
  const output = join(WORK_FOLDER, "pipeline.log");
  if (existsSync(join(request.out, output)))
    console.error(`The output of the tools is in ${join(folder, output)}`);
  return EXIT.failed;
}

/**
 * The folder that paths on the command line are relative to. `npm run agent` itself changes to the project's folder.
 */
function callerFolder(): string {
  const { npm_lifecycle_event: script, INIT_CWD: calledFrom } = process.env;
  return script === "agent" && calledFrom !== undefined ? calledFrom : process.cwd();
}
