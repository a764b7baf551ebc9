import { isTerminal, type JobView, type WatchMessage } from "@splatt/shared";
import { JobDisplay, type ShownJob } from "@splatt/shared/terminal";
import { type Splatt, Unreachable } from "../index.ts";
import { pause } from "../pause.ts";
import type { Context, Outcome } from "./command.ts";
import { EXIT } from "./exit-codes.ts";

const REFRESH_MS = 1000;
const RECONNECT_MS = 3000;
/** A control plane that cannot be reached for so long is given up. */
const MAX_OUTAGE_MS = 15 * 60_000;

/** Shows a job's progress until it has ended. A control plane that is away for a while is waited for. */
export async function followJob(context: Context, splatt: Splatt, jobId: string): Promise<JobView> {
  const { output, signal } = context;
  context.comeBack = `Detached. The job continues. To come back: splatt watch ${jobId}`;
  const display = new JobDisplay(output.progress);
  const timer = setInterval(() => display.refresh(), REFRESH_MS);
  let shown: ShownJob | null = null;
  let lastContact = performance.now();
  let cursor: string | undefined;
  try {
    for (;;) {
      try {
        for await (const message of splatt.watch(jobId, { cursor, signal })) {
          lastContact = performance.now();
          cursor = message.cursor;
          shown = shownAfter(shown, message);
          if (shown !== null) display.show(shown);
          if (message.type === "job" && isTerminal(message.job.status)) return message.job;
        }
        signal.throwIfAborted();
        const job = await splatt.getJob(jobId, { signal });
        if (isTerminal(job.status)) return job;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Unreachable) || performance.now() - lastContact > MAX_OUTAGE_MS) throw error;
        output.note("The control plane cannot be reached. Trying again ...");
      }
      await pause(RECONNECT_MS, signal);
    }
  } finally {
    clearInterval(timer);
    display.end();
  }
}

/** What is shown of a job after a message. */
function shownAfter(shown: ShownJob | null, message: WatchMessage): ShownJob | null {
  if (message.type === "job") return message.job;
  if (message.type !== "progress" || shown === null) return shown;
  const { progress, message: text, eta_seconds } = message;
  return { ...shown, progress, message: text, eta_seconds };
}

/** What is said of a job that has ended. */
export function endedOutcome(job: JobView, text = ""): Outcome {
  switch (job.status) {
    case "failed": {
      const why = [job.error, job.error_hint].filter((part) => part !== null).join("\n");
      return {
        json: job,
        text: `The job failed (${job.error_code}): ${why}\nIts log: splatt logs ${job.job_id}`,
        exit: EXIT.jobFailed,
      };
    }
    case "cancelled":
      return { json: job, text: "The job was cancelled.", exit: EXIT.jobCancelled };
    default:
      return { json: job, text };
  }
}
