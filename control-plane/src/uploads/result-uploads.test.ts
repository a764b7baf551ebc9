import { env } from "cloudflare:workers";
import { RESULT_FILES } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { database } from "../db/database.ts";
import { agentWithJob, jobBecomes } from "../testing/dispatch.ts";
import { recordObject } from "./result-uploads.ts";

describe("an object that is recorded after its job has ended", () => {
  it("stays when it is one of the results: the request was a slow repetition", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    await agent.stage(fence, 1, "exporting");
    await agent.complete(fence, 2);
    await jobBecomes(jobId, (job) => job.status === "completed");
    const { results } = await env.DB.prepare("SELECT r2_key FROM results WHERE job_id = ?")
      .bind(jobId)
      .all<{ r2_key: string }>();
    expect(results).toHaveLength(RESULT_FILES.length);
    for (const { r2_key } of results) {
      const upload = { id: "its row is gone", jobId, r2Key: r2_key };
      expect(await recordObject(database(env.DB), env.BUCKET, upload, "etag")).toBe(false);
      expect(await env.BUCKET.head(r2_key)).not.toBeNull();
    }
  });

  it("is deleted when nothing refers to it", async () => {
    const r2Key = "jobs/ended/1/upload/transforms.json";
    await env.BUCKET.put(r2Key, "{}");
    const upload = { id: "upload", jobId: "ended", r2Key };
    expect(await recordObject(database(env.DB), env.BUCKET, upload, "etag")).toBe(false);
    expect(await env.BUCKET.head(r2Key)).toBeNull();
  });
});
