import { env } from "cloudflare:workers";
import { fenceHeaders, MAX_PREVIEW_BYTES } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { database } from "../db/database.ts";
import { purgeLeftovers } from "../maintenance/purge.ts";
import { api, json } from "../testing/api.ts";
import { agentWithJob } from "../testing/dispatch.ts";

type Running = Awaited<ReturnType<typeof agentWithJob>>;

function putPreview({ fence, token }: Running, bytes: Uint8Array) {
  const headers = { authorization: `Bearer ${token}`, ...fenceHeaders(fence) };
  return api("PUT", `/agent/jobs/${fence.job_id}/preview`, bytes, headers);
}

function getPreview({ jobId }: Running) {
  return api("GET", `/jobs/${jobId}/results/preview.webp`);
}

describe("a preview", () => {
  it("can be downloaded while the job trains, and is replaced by the next one", async () => {
    const running = await agentWithJob();
    await running.agent.stage(running.fence, 1, "training");
    expect((await getPreview(running)).status).toBe(404);
    for (const bytes of [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)]) {
      await json(putPreview(running, bytes));
      const response = await getPreview(running);
      expect(response.headers.get("content-type")).toBe("image/webp");
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
    }
  });

  it("gives way to the thumbnail of the completed job", async () => {
    const running = await agentWithJob();
    const { agent, fence, jobId } = running;
    await agent.stage(fence, 1, "training");
    await json(putPreview(running, Uint8Array.of(1)));
    await agent.complete(fence, 2, "final", ["thumbnail.webp"]);
    await agent.next("ack");
    expect(await (await getPreview(running)).text()).toBe("final thumbnail.webp");
    expect(await env.BUCKET.head(`jobs/${jobId}/preview.webp`)).toBeNull();
  });

  it("is deleted when the job ends, even if the notification was lost", async () => {
    const running = await agentWithJob();
    const { agent, fence, jobId } = running;
    await agent.stage(fence, 1, "training");
    await json(putPreview(running, Uint8Array.of(1)));
    await env.DB.prepare("UPDATE jobs SET status = 'cancelled', lease_id = NULL WHERE id = ?")
      .bind(jobId)
      .run();
    const db = database(env.DB);
    await purgeLeftovers(db, env.BUCKET, Date.now());
    expect(await env.BUCKET.head(`jobs/${jobId}/preview.webp`)).not.toBeNull();
    await purgeLeftovers(db, env.BUCKET, Date.now() + 2 * 3600 * 1000);
    expect(await env.BUCKET.head(`jobs/${jobId}/preview.webp`)).toBeNull();
  });

  it("is refused without the lease, and when it is too large", async () => {
    const running = await agentWithJob();
    const stale = { ...running, fence: { ...running.fence, lease_id: "old" } };
    expect(await json(putPreview(stale, Uint8Array.of(1)), 409)).toMatchObject({ code: "stale_lease" });
    const large = new Uint8Array(MAX_PREVIEW_BYTES + 1);
    expect(await json(putPreview(running, large), 413)).toMatchObject({ code: "too_large" });
  });
});
