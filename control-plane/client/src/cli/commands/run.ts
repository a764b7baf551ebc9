import { basename, extname } from "node:path";
import { type JobView, RESULT_FILES } from "@splatt/shared";
import { resultSummary } from "@splatt/shared/terminal";
import { command, firstOf, JOB, type Outcome } from "../command.ts";
import { fetchResults } from "../fetch-results.ts";
import { findJobId } from "../find-job.ts";
import { endedOutcome, followJob } from "../follow-job.ts";
import { JOB_OPTIONS } from "../job-options.ts";
import { openInBrowser } from "../open-browser.ts";
import { sendScene } from "../send-scene.ts";

const VIDEO = {
  name: "VIDEO",
  summary:
    "a video file, several of one scene, an archive or a folder of photos, of videos or of a dataset with poses, or the https address of a file",
  isFile: true,
  many: true,
} as const;
const OUT = {
  type: "string",
  value: "DIR",
  summary: "folder for the results; by default the video's name",
} as const;

/** The folder that a video's results go to. */
function folderOf(filename: string): string {
  return basename(filename, extname(filename)) || "splat";
}

function summaryOf(job: JobView): string {
  const files = Object.entries(job.results ?? {}).map(([filename, { size, sha256 }]) => ({
    filename,
    size,
    sha256,
  }));
  return job.report === null ? "" : `${resultSummary(job.report, files)}\n\n`;
}

export const run = command({
  name: "run",
  summary: "turn a video into a splat: upload it, wait for the job, download the results",
  details:
    "`splatt VIDEO` is short for it. Ctrl-C detaches: the job continues. Called again, it continues an interrupted upload.",
  args: [VIDEO],
  options: {
    ...JOB_OPTIONS,
    out: OUT,
    share: { type: "boolean", summary: "print a link that shows the splat to whoever has it" },
    open: { type: "boolean", summary: "show the splat in the browser" },
  },
  async run(context, { args, options }) {
    const { out, share, open, ...jobOptions } = options;
    const jobId = await sendScene(context, args, jobOptions);
    const splatt = await context.splatt();
    const job = await followJob(context, splatt, jobId);
    if (job.status !== "completed") return endedOutcome(job);
    const missing = RESULT_FILES.find((name) => job.results?.[name] === undefined);
    if (missing !== undefined) context.output.complain(`The job is completed, but has no ${missing}.`);
    const folder = context.path(out ?? folderOf(job.filename));
    const files = await fetchResults(context, splatt, job, folder);
    const isShared = share || open;
    const url = isShared ? (await splatt.createShare(jobId)).url : `${splatt.url}/app/jobs/${jobId}`;
    if (open) await openInBrowser(url);
    return {
      json: { ...job, files, url },
      text: `${summaryOf(job)}Results: ${folder}\n${isShared ? "Link" : "Page"}:    ${url}`,
    };
  },
});

export const submit = command({
  name: "submit",
  summary: "create a job for a video, and print its id",
  args: [VIDEO],
  options: JOB_OPTIONS,
  async run(context, { args, options }) {
    const jobId = await sendScene(context, args, options);
    const job = await (await context.splatt()).getJob(jobId);
    return { json: job, text: jobId };
  },
});

export const watch = command({
  name: "watch",
  summary: "show a job's progress until it has ended",
  details: "The exit code says how it ended.",
  args: [JOB],
  async run(context, { args }) {
    const splatt = await context.splatt();
    const job = await followJob(context, splatt, await findJobId(splatt, firstOf(args), context.signal));
    return endedOutcome(job, `The job is completed. Its results: splatt get ${job.job_id}`);
  },
});

export const get = command({
  name: "get",
  summary: "download a job's results",
  details: "Continues an interrupted download, and verifies each file's SHA-256.",
  args: [JOB, { name: "FILE", summary: "which files; all by default", optional: true, many: true }],
  options: { out: OUT },
  async run(context, { args, options }): Promise<Outcome> {
    const splatt = await context.splatt();
    const job = await splatt.getJob(await findJobId(splatt, firstOf(args), context.signal), context);
    const folder = context.path(options.out ?? folderOf(job.filename));
    const files = await fetchResults(context, splatt, job, folder, args.slice(1));
    return { json: { job_id: job.job_id, files }, text: files.join("\n") };
  },
});
