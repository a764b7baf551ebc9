import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type FaultHarness, FILE_SENT, startFaultHarness } from "./harness/fault-harness.ts";
import { gatedAgent } from "./harness/gated-agent.ts";
import { marked } from "./harness/marked-processes.ts";
import { storedUnder } from "./harness/stored.ts";
import { VideoServer } from "./harness/video-server.ts";

let harness: FaultHarness;
beforeAll(async () => {
  harness = await startFaultHarness(inject("prepared"));
});
afterEach((context) => harness.endTest(context));
afterAll(() => harness.stop());

describe("cancelling", () => {
  it("in every stage immediately ends the job and its processes, and removes its uploads", async () => {
    const video = await VideoServer.start(harness.clip);
    const { gates, settings } = await gatedAgent(harness);
    const box = await harness.newBox();
    box.start({ ...settings, ALLOW_HTTP: "true", ALLOW_HOSTS: video.host });
    const jobIds: string[] = [];
    const cancelWhen = async (jobId: string, stage: Promise<unknown>) => {
      jobIds.push(jobId);
      await stage;
      expect(await harness.client.cancelJob(jobId)).toMatchObject({ status: "cancelled", results: null });
      await expect.poll(() => marked(box.workspace), { timeout: 60_000 }).toEqual([]);
    };

    await cancelWhen(await harness.wholeJob({ video_url: video.url }), video.halfway);
    await cancelWhen(await harness.wholeJob(), gates.frames.reached(1));
    await gates.frames.open();
    await cancelWhen(await harness.wholeJob(), gates.poses.reached(1));
    const long = await harness.tinyJob({ iterations: 100_000 });
    await cancelWhen(
      long,
      harness.jobBecomes(long, ({ status }) => status === "training"),
    );
    await cancelWhen(await harness.tinyJob(), gates.export.reached(1));
    await gates.export.open();
    const uploading = harness.network.holdAt(FILE_SENT, 2);
    await cancelWhen(await harness.tinyJob(), uploading);
    harness.network.repair();

    // The agent is free for the next job, and no cancelled job has left results.
    await harness.completed(await harness.tinyJob());
    for (const jobId of jobIds) {
      expect(await harness.client.getJob(jobId)).toMatchObject({ status: "cancelled", results: null });
    }
    await harness.controlPlane.stop();
    for (const jobId of jobIds) {
      expect(storedUnder(join(harness.dir, "control-plane"), `jobs/${jobId}/`)).toEqual({
        objects: [],
        openUploads: [],
      });
    }
    await harness.restartControlPlane();
    await video.stop();
  });
});
