import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { api, createJob, json } from "../testing/api.ts";
import { completedJob } from "../testing/completed-job.ts";
import { newPool } from "../testing/dispatch.ts";
import { mintKey } from "../testing/keys.ts";

const EXTRAS = ["thumbnail.webp", "pipeline.log"];

/** The stored files of an archive, by its central directory. */
function filesOf(zip: Uint8Array): Record<string, string> {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const end = zip.byteLength - 22;
  expect(view.getUint32(end, true)).toBe(0x06054b50);
  const text = (at: number, length: number) => new TextDecoder().decode(zip.subarray(at, at + length));
  const files: Record<string, string> = {};
  for (let left = view.getUint16(end + 10, true), at = view.getUint32(end + 16, true); left > 0; left -= 1) {
    const [size, name, local] = [
      view.getUint32(at + 24, true),
      view.getUint16(at + 28, true),
      view.getUint32(at + 42, true),
    ];
    expect(view.getUint16(at + 10, true)).toBe(0);
    files[text(at + 46, name)] = text(local + 30 + view.getUint16(local + 26, true), size);
    at += 46 + name + view.getUint16(at + 30, true);
  }
  return files;
}

describe("GET /jobs/{id}/results.zip", () => {
  it("is all result files, with its exact length, under the task's name", async () => {
    const { jobId } = await completedJob({ task_id: "Küche 1" }, EXTRAS);
    const answer = await api("GET", `/jobs/${jobId}/results.zip`);
    expect(answer.headers.get("content-type")).toBe("application/zip");
    expect(answer.headers.get("content-disposition")).toContain(
      "filename*=UTF-8''K%C3%BCche%201-results.zip",
    );
    const zip = new Uint8Array(await answer.arrayBuffer());
    expect(answer.headers.get("content-length")).toBe(String(zip.byteLength));
    const { results } = await json<{ results: Record<string, unknown> }>(api("GET", `/jobs/${jobId}/status`));
    const files = filesOf(zip);
    expect(Object.keys(files)).toEqual(Object.keys(results).toSorted());
    for (const [name, content] of Object.entries(files)) expect(content).toBe(`result ${name}`);
    const head = await api("HEAD", `/jobs/${jobId}/results.zip`);
    expect(head.headers.get("content-length")).toBe(String(zip.byteLength));
  });

  it("is the same each time", async () => {
    const { jobId } = await completedJob();
    const read = async () => (await api("GET", `/jobs/${jobId}/results.zip`)).bytes();
    expect(await read()).toEqual(await read());
  });

  it("breaks off where a file has gone, instead of ending as if it were whole", async () => {
    const { jobId } = await completedJob({}, EXTRAS);
    const row = await env.DB.prepare("SELECT r2_key FROM results WHERE job_id = ? AND filename = ?")
      .bind(jobId, "transforms.json")
      .first<{ r2_key: string }>();
    await env.BUCKET.delete(row?.r2_key ?? "");
    const answer = await api("GET", `/jobs/${jobId}/results.zip`);
    await expect(answer.arrayBuffer()).rejects.toThrow();
  });

  it("needs results, and a key that may read them", async () => {
    const waiting = await createJob();
    expect(await json(api("GET", `/jobs/${waiting}/results.zip`), 409)).toMatchObject({
      code: "job_not_completed",
    });
    const { jobId } = await completedJob();
    await json(api("GET", `/jobs/${jobId}/results.zip`, undefined, {}), 401);
    const { headers } = await mintKey(["jobs:read"]);
    await json(api("GET", `/jobs/${jobId}/results.zip`, undefined, headers), 403);
    const elsewhere = await mintKey(["results:read"], { pool: newPool() });
    await json(api("GET", `/jobs/${jobId}/results.zip`, undefined, elsewhere.headers), 404);
    await env.DB.prepare("UPDATE jobs SET results_purged_at = 1 WHERE id = ?").bind(jobId).run();
    await json(api("GET", `/jobs/${jobId}/results.zip`), 410);
  });
});
