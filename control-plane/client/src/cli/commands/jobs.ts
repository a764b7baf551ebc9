import { JOB_STATUSES, type JobStatus, type JobView, MAX_LOG_LINES, printable } from "@splatt/shared";
import { duration } from "@splatt/shared/terminal";
import { pause } from "../../pause.ts";
import { confirm } from "../ask.ts";
import { type Context, command, firstOf, JOB, UsageError } from "../command.ts";
import { findJobId } from "../find-job.ts";
import { JOB_OPTIONS, jobFields } from "../job-options.ts";
import { openInBrowser } from "../open-browser.ts";
import { fields, table } from "../table.ts";

/** The control plane, and the job that the first argument names. */
async function jobOf(context: Context, args: readonly string[]) {
  const splatt = await context.splatt();
  return { splatt, jobId: await findJobId(splatt, firstOf(args), context.signal) };
}

export const status = command({
  name: "status",
  summary: "show a job",
  args: [JOB],
  async run(context, { args }) {
    const { splatt, jobId } = await jobOf(context, args);
    const job = await splatt.getJob(jobId, context);
    return { json: job, text: describe(job) };
  },
});

function describe(job: JobView): string {
  return fields([
    ["Job", job.job_id],
    ["Task", job.task_id],
    ["Video", job.filename],
    ["Status", `${job.status}, ${job.progress} %`],
    ["To go", job.eta_seconds === null ? null : `about ${duration(job.eta_seconds)}`],
    ["Message", job.message],
    ["Error", job.error === null ? null : `${job.error} (${job.error_code})`],
    ["What to do", job.error_hint],
    [
      "Labels",
      Object.entries(job.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(" "),
    ],
    ["Attempt", job.attempt],
    ["Created", job.created_at],
    ["Ended", job.ended_at],
    ["Results", Object.keys(job.results ?? {}).join(" ")],
  ]);
}

const FOLLOW_MS = 1000;

export const logs = command({
  name: "logs",
  summary: "print a job's log",
  args: [JOB],
  options: {
    tail: { type: "number", summary: "only the last lines" },
    follow: { type: "boolean", short: "f", summary: "print further lines until the job has ended" },
  },
  async run(context, { args, options }) {
    const { splatt, jobId } = await jobOf(context, args);
    const { signal, output } = context;
    context.comeBack = "Stopped.";
    if (options.tail !== undefined && !(Number.isInteger(options.tail) && options.tail > 0)) {
      throw new UsageError("--tail must be a whole number above 0");
    }
    let from = options.tail === undefined ? 0 : -Math.min(options.tail, MAX_LOG_LINES);
    const lines: string[] = [];
    for (;;) {
      const page = await splatt.getJobLogs(jobId, { from, signal });
      // As they come, where people read them.
      if (output.isJson) lines.push(...page.lines);
      else if (page.lines.length > 0)
        output.result(page.lines.map((line) => printable(line, 4096)).join("\n"));
      from = page.next;
      const isAll = page.lines.length < MAX_LOG_LINES;
      if (page.complete ? isAll : isAll && !options.follow)
        return { json: { job_id: jobId, lines }, text: "" };
      if (isAll) await pause(FOLLOW_MS, signal);
    }
  },
});

export const list = command({
  name: "list",
  summary: "list jobs, newest first",
  options: {
    status: { type: "list", value: "STATUS", summary: `${JOB_STATUSES.join(", ")}; may be repeated` },
    label: { type: "list", value: "KEY=VALUE", summary: "jobs that have this label; may be repeated" },
    "task-id": { type: "string", value: "ID", summary: "jobs of this task" },
    pool: { type: "string", value: "NAME", summary: "jobs of this pool" },
    limit: { type: "number", summary: "how many; 20 by default" },
  },
  async run(context, { options }) {
    const unknown = options.status.find((each) => !(JOB_STATUSES as readonly string[]).includes(each));
    if (unknown !== undefined) throw new UsageError(`Unknown status "${unknown}". See splatt list --help.`);
    const splatt = await context.splatt();
    const filters = {
      status: options.status as readonly JobStatus[],
      label: options.label,
      task_id: options["task-id"],
      pool: options.pool,
      limit: options.limit ?? 20,
    };
    const found = await splatt.listJobs(filters, context);
    const rows = found.jobs.map((job) => [
      job.job_id,
      job.status,
      `${job.progress} %`,
      job.created_at,
      job.task_id.slice(0, 40),
    ]);
    const text =
      rows.length === 0 ? "No jobs." : table(["JOB", "STATUS", "PROGRESS", "CREATED (UTC)", "TASK"], rows);
    return { json: found, text };
  },
});

export const open = command({
  name: "open",
  summary: "open a job's page in the browser",
  args: [JOB],
  async run(context, { args }) {
    const { splatt, jobId } = await jobOf(context, args);
    await splatt.getJobStatus(jobId, context);
    const url = `${splatt.url}/app/jobs/${jobId}`;
    if (process.stdout.isTTY) await openInBrowser(url);
    return { json: { job_id: jobId, url }, text: url };
  },
});

export const cancel = command({
  name: "cancel",
  summary: "cancel a job that has not ended",
  args: [JOB],
  async run(context, { args }) {
    const { splatt, jobId } = await jobOf(context, args);
    const job = await splatt.cancelJob(jobId, context);
    return { json: job, text: `Job ${jobId} is cancelled.` };
  },
});

const { "task-id": _, ...RETRY_OPTIONS } = JOB_OPTIONS;

export const retry = command({
  name: "retry",
  summary: "run an ended job again as a new job, with any options changed",
  args: [JOB],
  options: RETRY_OPTIONS,
  async run(context, { args, options }) {
    const { task_id: __, ...changes } = jobFields({ ...options, "task-id": undefined }, "any");
    const { splatt, jobId } = await jobOf(context, args);
    const created = await splatt.retryJob(jobId, changes, context);
    return { json: created, text: created.job_id };
  },
});

export const remove = command({
  name: "delete",
  summary: "delete a job that has ended, with its files",
  args: [JOB],
  options: { yes: { type: "boolean", short: "y", summary: "do not ask" } },
  async run(context, { args, options }) {
    const { splatt, jobId } = await jobOf(context, args);
    if (!options.yes) await confirm(`Delete job ${jobId} and its files?`, context.signal);
    const done = await splatt.deleteJob(jobId, context);
    return { json: { job_id: jobId, ...done }, text: `Job ${jobId} is deleted.` };
  },
});
