import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { startControlPlane } from "@splatt/control-plane/embedded";
import { formatWorkerLog } from "@splatt/local/worker-log";
import { isTerminal, type JobView, type SourcePolicy } from "@splatt/shared";
import { Splatt } from "splatt";

const API_KEY = "e2e-key";
/**
 * Between two looks at a job: a part of the time that it has been waited for. Each look costs both sides milliseconds.
 */
const PAUSE = { min: 50, max: 250, share: 0.1 };

/** A real control plane on workerd with a temporary folder, and a client for it. */
export async function startLocalStack(
  dispatchTiming: Readonly<Record<string, number>> = {},
  sources?: SourcePolicy,
) {
  const dir = await mkdtemp(join(tmpdir(), "splatt-e2e-"));
  const log: string[] = [];
  const start = (port: number) =>
    startControlPlane({
      dataDir: join(dir, "control-plane"),
      port,
      apiKey: API_KEY,
      dispatchTiming,
      ...(sources ? { sources } : {}),
      onLog: (_level, text) => log.push(formatWorkerLog(text)),
    });
  const controlPlane = await start(0);
  let running: typeof controlPlane | null = controlPlane;
  const client = new Splatt({ url: controlPlane.url, apiKey: API_KEY });
  return {
    dir,
    url: controlPlane.url,
    apiKey: API_KEY,
    client,
    log,
    controlPlane,
    jobBecomes: (jobId: string, wanted: (job: JobView) => boolean) => jobBecomes(client, jobId, wanted),
    /** Stops the control plane for `work`, and starts it again at the same address. */
    async whileDown(work: () => Promise<void>): Promise<void> {
      await running?.stop();
      running = null;
      await work();
      running = await start(Number(new URL(controlPlane.url).port));
    },
    async stop(): Promise<void> {
      await running?.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/**
 * Waits until the job matches. The test's own time limit bounds the wait.
 *
 * @throws when the job ends without matching
 */
export async function jobBecomes(
  client: Splatt,
  jobId: string,
  wanted: (job: JobView) => boolean,
): Promise<JobView> {
  const began = performance.now();
  for (;;) {
    const job = await client.getJob(jobId);
    if (wanted(job)) return job;
    if (isTerminal(job.status)) throw new Error(`The job has ended as ${job.status}: ${job.message}`);
    const pause = PAUSE.share * (performance.now() - began);
    await setTimeout(Math.min(PAUSE.max, Math.max(PAUSE.min, pause)));
  }
}

export type LocalStack = Awaited<ReturnType<typeof startLocalStack>>;
