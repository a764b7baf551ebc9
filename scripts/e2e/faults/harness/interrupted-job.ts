import type { JobView } from "@splatt/shared";
import type { AgentBox } from "./agent-box.ts";
import { type FaultHarness, FILE_SENT } from "./fault-harness.ts";
import { gatedAgent } from "./gated-agent.ts";
import { VideoServer } from "./video-server.ts";

export interface InterruptedJob {
  readonly job: JobView;
  readonly box: AgentBox;
  readonly videoBytes: number;
  /** The amount of repeated work. */
  readonly downloadedBytes: number;
  readonly ffmpegRuns: number;
  readonly colmapRuns: number;
  readonly exportRuns: number;
  /** The step of the checkpoint from which training resumed. */
  readonly resumedAtStep: number;
}

/**
 * Runs a whole job, from a video on the web to downloaded results. In every stage the agent gets a signal and is
 * restarted after its exit.
 */
export async function interruptInEveryStage(
  harness: FaultHarness,
  signal: "SIGKILL" | "SIGTERM",
): Promise<InterruptedJob> {
  const video = await VideoServer.start(harness.clip);
  const { gates, settings, trainingHeld } = await gatedAgent(harness);
  const box = await harness.newBox("empty");
  const interrupt = async () => {
    await box.end(signal);
    box.start();
  };
  box.start({ ...settings, ...trainingHeld, ALLOW_HTTP: "true", ALLOW_HOSTS: video.host });
  const jobId = await harness.wholeJob({ video_url: video.url, iterations: 300 });

  await video.halfway;
  await box.downloaded(jobId, Math.floor(video.size / 2));
  await box.end(signal);
  await video.hungUp();
  box.start();
  video.goOn();

  for (const gate of [gates.frames, gates.poses]) {
    await gate.reached(1);
    await interrupt();
    await gate.reached(2);
    await gate.open();
  }

  await gates.checkpoint.reached(1);
  await interrupt();
  await gates.checkpoint.open();

  await gates.export.reached(1);
  const uploading = harness.network.holdAt(FILE_SENT);
  const ended = box.end(signal);
  // An agent that shuts down gracefully waits for work that cannot be interrupted.
  await gates.export.open();
  await ended;
  box.start();

  await uploading;
  await interrupt();

  const job = await harness.completed(jobId);
  const resumed = (await box.pipelineLog(jobId)).match(/resuming from the checkpoint of step (\d+)/);
  await video.stop();
  return {
    job,
    box,
    videoBytes: video.size,
    downloadedBytes: video.sent,
    ffmpegRuns: await gates.frames.count(),
    colmapRuns: await gates.poses.count(),
    exportRuns: await gates.export.count(),
    resumedAtStep: Number(resumed?.[1] ?? 0),
  };
}
