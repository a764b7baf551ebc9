import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type FaultBench, startFaultBench } from "./bench/fault-bench.ts";
import { gatedAgent } from "./bench/gated-agent.ts";
import { marked } from "./bench/marked-processes.ts";
import { storedUnder } from "./bench/stored.ts";
import { VideoServer } from "./bench/video-server.ts";

let bench: FaultBench;
beforeAll(async () => {
  bench = await startFaultBench(inject("prepared"));
});
afterEach((context) => bench.endTest(context));
afterAll(() => bench.stop());

describe("cancelling", () => {
  it("in every stage ends the job at once, its processes, and what it uploaded", async () => {
    const video = await VideoServer.start(bench.clip);
    const { gates, settings } = await gatedAgent(bench);
    const box = await bench.newBox();
    box.start({ ...settings, ALLOW_HTTP: "true", ALLOW_HOSTS: video.host });
    const jobIds: string[] = [];
    const cancelWhen = async (jobId: string, stage: Promise<unknown>) => {
      jobIds.push(jobId);
      await stage;
      expect(await bench.client.cancelJob(jobId)).toMatchObject({ status: "cancelled", results: null });
      await expect.poll(() => marked(box.workspace), { timeout: 60_000 }).toEqual([]);
    };

    await cancelWhen(await bench.wholeJob({ video_url: video.url }), video.halfway);
    await cancelWhen(await bench.wholeJob(), gates.frames.reached(1));
    await gates.frames.open();
    await cancelWhen(await bench.wholeJob(), gates.poses.reached(1));
    const long = await bench.tinyJob({ iterations: 100_000 });
    await cancelWhen(
      long,
      bench.jobBecomes(long, ({ status }) => status === "training"),
    );
    await cancelWhen(await bench.tinyJob(), gates.export.reached(1));
    await gates.export.open();
    const uploading = bench.network.holdAt(/^PUT .*\/parts\/1/, 2);
    await cancelWhen(await bench.tinyJob(), uploading);
    bench.network.mend();

    // The agent is free for the next job, and none of those that were cancelled has come to anything.
    await bench.completed(await bench.tinyJob());
    for (const jobId of jobIds) {
      expect(await bench.client.job(jobId)).toMatchObject({ status: "cancelled", results: null });
    }
    await bench.controlPlane.stop();
    for (const jobId of jobIds) {
      expect(storedUnder(join(bench.dir, "control-plane"), `jobs/${jobId}/`)).toEqual({
        objects: [],
        openUploads: [],
      });
    }
    await bench.restartControlPlane();
    await video.stop();
  });
});
