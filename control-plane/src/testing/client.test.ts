import { exports } from "cloudflare:workers";
import { ApiProblem, Splatt } from "splatt";
import { describe, expect, it } from "vitest";
import { completedJob } from "./completed-job.ts";

/** The TypeScript client in workerd, against the Worker itself. */

const client = new Splatt({
  url: "https://splatt.test",
  apiKey: "test-key",
  fetch: (input, init) => exports.default.fetch(new Request(input, init)),
});

describe("the client in workerd", () => {
  it("uploads a video, makes a job of it and finds it again", async () => {
    const video = { name: "clip.mp4", content: new Blob([new Uint8Array(100_000).fill(7)]) };
    const { job_id } = await client.run(video, { labels: { from: "workerd" }, iterations: 9 });
    expect(await client.getJob(job_id)).toMatchObject({ task_id: "clip.mp4", options: { iterations: 9 } });
    const { jobs } = await client.listJobs({ label: "from=workerd", status: ["queued", "completed"] });
    expect(jobs.map((job) => job.job_id)).toEqual([job_id]);
    expect(await client.cancelJob(job_id)).toMatchObject({ status: "cancelled" });
    expect(await client.wait(job_id, { transport: "poll" })).toMatchObject({ status: "cancelled" });
  });

  it("uploads several files as one scene, with the progress of all of them", async () => {
    const fileOf = (name: string, size: number) => ({ name, content: new Blob([new Uint8Array(size)]) });
    const progress: number[] = [];
    const files = [fileOf("a.mp4", 1000), fileOf("b.jpg", 3000)];
    const { job_id } = await client.run(files, { upload: { onProgress: (done) => progress.push(done) } });
    const { task_id, source } = await client.getJob(job_id);
    expect(task_id).toBe("a.mp4");
    const names = (source.upload_ids ?? []).map(async (id) => (await client.getUpload(id)).filename);
    expect(await Promise.all(names)).toEqual(["a.mp4", "b.jpg"]);
    expect(progress).toContain(0.25);
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    await expect(client.run([])).rejects.toThrow("no file");
  });

  it("downloads and shares what a job has made", async () => {
    const { jobId } = await completedJob();
    const blob = await client.download(jobId, "transforms.json");
    expect(await blob.text()).toBe("result transforms.json");
    const seen: string[] = [];
    for await (const message of client.watch(jobId, { transport: "poll" })) seen.push(message.type);
    expect(seen).toEqual(["job", "end"]);
    expect((await client.createShare(jobId, { title: "A chair" })).url).toMatch(
      /^https:\/\/splatt\.test\/s\//,
    );
  });

  it("throws what the API answers, by its code", async () => {
    const refused = client.getJob(crypto.randomUUID());
    await expect(refused).rejects.toThrow(ApiProblem);
    await expect(client.createJob({ task_id: "" })).rejects.toMatchObject({ code: "invalid_request" });
  });
});
