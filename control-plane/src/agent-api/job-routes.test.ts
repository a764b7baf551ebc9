import { env } from "cloudflare:workers";
import { type Fence, fenceHeaders } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { api, json, mintAgent } from "../testing/api.ts";
import { agentWithJob, jobBecomes, passTime } from "../testing/dispatch.ts";
import { ScriptedAgent } from "../testing/scripted-agent.ts";

const PART = new TextEncoder().encode("{}");

function headersOf(token: string, fence: Fence): Record<string, string> {
  return {
    authorization: `Bearer ${token}`,
    "content-length": String(PART.byteLength),
    ...fenceHeaders(fence),
  };
}

/** Begins an upload. @returns the address of its first part, and R2's names for it */
async function beginUpload(token: string, fence: Fence) {
  const path = `/agent/jobs/${fence.job_id}/uploads`;
  const body = { filename: "transforms.json", size: PART.byteLength };
  const { upload_id } = await json<{ upload_id: string }>(api("POST", path, body, headersOf(token, fence)));
  const row = await env.DB.prepare("SELECT r2_key, r2_upload_id FROM result_uploads WHERE id = ?")
    .bind(upload_id)
    .first<{ r2_key: string; r2_upload_id: string }>();
  if (row === null) throw new Error("the upload has no row");
  return {
    part: `${path}/${upload_id}/parts/1`,
    multipart: env.BUCKET.resumeMultipartUpload(row.r2_key, row.r2_upload_id),
  };
}

describe("a request about a job", () => {
  it("is refused without the secret of an agent, and to an agent that does not hold the job", async () => {
    const { token, fence, pool } = await agentWithJob();
    const { token: other } = await mintAgent(pool);
    const wrong = `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`;
    const { part } = await beginUpload(token, fence);
    const { authorization: _, ...withoutToken } = headersOf(token, fence);
    expect(await json(api("PUT", part, PART, withoutToken), 401)).toMatchObject({
      code: "agent_unauthorized",
    });
    expect(await json(api("PUT", part, PART, headersOf(wrong, fence)), 401)).toMatchObject({
      code: "agent_unauthorized",
    });
    expect(await json(api("PUT", part, PART, headersOf(other, fence)), 409)).toMatchObject({
      code: "stale_lease",
    });
    await json(api("PUT", part, PART, headersOf(token, fence)));
  });
});

describe("an upload that comes under a stale fence", () => {
  it("continues under the newer lease of its attempt, even if a request of the old lease arrives late", async () => {
    const { agent, token, instance, fence, pool } = await agentWithJob();
    await agent.stage(fence, 1, "exporting");
    const { part } = await beginUpload(token, fence);
    agent.close();
    await passTime(pool, 151_000);
    const held = [{ fence, status: "exporting", progress: 90, message: "" } as const];
    const back = await ScriptedAgent.connect(token, { instance, held });
    const verdict = back.welcome.jobs[0];
    if (verdict?.action !== "continue") throw new Error("not re-adopted");

    await json(api("PUT", part, PART, headersOf(token, fence)), 409);
    await json(api("PUT", part, PART, headersOf(token, verdict.fence)));
  });

  it("is aborted when its attempt is over", async () => {
    const { agent, token, fence, jobId, pool } = await agentWithJob();
    const { part, multipart } = await beginUpload(token, fence);
    agent.fail(fence, 1, "source_unreachable");
    await agent.next("ack");
    await passTime(pool, 700_000);
    await agent.takeJob();
    await jobBecomes(jobId, (job) => job.attempt === 2);
    await json(api("PUT", part, PART, headersOf(token, fence)), 409);
    await expect(multipart.uploadPart(1, PART)).rejects.toThrow(/10024/);
  });
});

it("an upload that R2 has forgotten is 404, so that its agent does not send it for ever", async () => {
  const { token, fence } = await agentWithJob();
  const { part, multipart } = await beginUpload(token, fence);
  await multipart.abort();
  expect(await json(api("PUT", part, PART, headersOf(token, fence)), 404)).toMatchObject({
    code: "upload_not_found",
  });
});
