import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startControlPlane } from "@splatt/control-plane/embedded";
import { formatWorkerLog } from "@splatt/local/worker-log";
import { isTerminal, type JobView, type SourcePolicy } from "@splatt/shared";
import { Splatt } from "splatt";

const API_KEY = "e2e-key";
const POLL_MS = 50;

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
  for (;;) {
    const job = await client.getJob(jobId);
    if (wanted(job)) return job;
    if (isTerminal(job.status)) throw new Error(`The job has ended as ${job.status}: ${job.message}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export type LocalStack = Awaited<ReturnType<typeof startLocalStack>>;
