import { env } from "cloudflare:workers";
import { runScheduled } from "../maintenance/scheduled.ts";
import { API_KEY, api, createJob, json, mintAgent } from "./api.ts";
import { jobBecomes, newPool, passTime } from "./dispatch.ts";
import { ScriptedAgent } from "./scripted-agent.ts";

/** Every index of the list, alone and with other filters to test. */
const FILTERED = [
  "status=failed&status=completed&status=queued&cursor=9",
  "task_id=t&cursor=9",
  "task_id=t&status=failed&pool=default",
  "label=a=b&cursor=9",
  "label=a=b&label=c=d&status=queued",
  "pool=default",
  "pool=other&cursor=9",
  "pool=other&status=failed&status=queued",
  "pool=other&status=training",
  "created_after=2025-01-01&cursor=9",
  "created_before=2025-01-01",
  "created_after=2025-01-01&created_before=2026-01-01&status=failed&label=a=b&task_id=t&pool=default",
];
/** The other lists, their pages and filters. */
export const PLACE = `9_${"00000000-0000-0000-0000-000000000000"}`;
const LISTS = [
  "/shares",
  `/shares?cursor=${PLACE}`,
  "/uploads",
  `/uploads?status=open&cursor=${PLACE}`,
  `/uploads?status=completed&cursor=${PLACE}`,
  "/audit",
  "/audit?cursor=9",
  "/usage",
  "/usage?from=2025-01-01&to=2026-01-01",
  "/usage?key_id=bootstrap",
  "/me",
];
export async function get(path: string, key = API_KEY): Promise<void> {
  await (await api("GET", path, undefined, { "x-api-key": key })).arrayBuffer();
}

/** Everything that a job's life asks of D1, from its creation to its purge, and what clients look at meanwhile. */
export async function liveThroughAll(pool = newPool()): Promise<void> {
  const { agent_id, token } = await mintAgent(pool);
  const instance = crypto.randomUUID();
  const agent = await ScriptedAgent.connect(token, { instance });
  const { webhook_id } = await json<{ webhook_id: string }>(
    api("POST", "/webhooks", { url: "https://example.com/hook" }),
  );
  const jobId = await createJob({ pool });
  const fence = await agent.takeJob();
  await agent.stage(fence, 1, "training");
  agent.send({ type: "job.progress", fence, progress: 50, stage_progress: 1, message: "", eta_seconds: 1 });
  agent.send({ type: "job.held", jobs: [{ fence, status: "training", seconds_since_output: 0 }] });
  agent.close();
  const held = [{ fence, status: "training", progress: 50, message: "" } as const];
  const back = await ScriptedAgent.connect(token, { instance, held, kept: [crypto.randomUUID()] });
  await passTime(pool, 70_000);
  for (const path of [
    "/jobs",
    "/jobs?cursor=9",
    "/metrics",
    ...LISTS,
    "/jobs?status=training",
    "/jobs?status=failed&cursor=9",
    ...FILTERED.map((query) => `/jobs?${query}`),
    `/jobs/${jobId}`,
    `/jobs/${jobId}/status`,
    `/jobs/${jobId}/events`,
    `/jobs/${jobId}/shares`,
    `/jobs/${jobId}/deliveries`,
    `/webhooks/${webhook_id}`,
    `/webhooks/${webhook_id}/deliveries`,
    `/webhooks/${webhook_id}/deliveries?cursor=${PLACE}_1`,
    "/health",
    "/agents",
  ])
    await get(path);
  const restricted = { name: "k", scopes: ["jobs:read"], pool, labels: { a: "b" } };
  const { key } = await json<{ key: string }>(api("POST", "/keys", restricted));
  for (const path of [...LISTS, ...FILTERED.map((query) => `/jobs?${query}`)]) await get(path, key);
  await back.complete(fence, 2);
  await back.next("ack");
  await get(`/jobs/${jobId}/results/baked_splat.ply`);
  await get(`/jobs/${jobId}/status`);
  await get("/jobs?status=completed");

  const again = await json<{ job_id: string }>(api("POST", `/jobs/${jobId}/retry`, { iterations: 10 }));
  back.fail(await back.takeJob(), 1, "source_unreachable");
  await back.next("ack");
  await passTime(pool, 700_000);
  const second = await back.takeJob();
  back.send({ type: "job.returned", fence: second, seq: 1, reason: "stops" });
  await back.next("ack");
  await back.next("job.assign");
  await json(api("POST", `/jobs/${again.job_id}/cancel`));
  await json(api("DELETE", `/jobs/${again.job_id}`));

  const lost = await createJob({ pool });
  await back.stage(await back.takeJob(), 1, "training");
  back.close();
  await passTime(pool, 151_000);
  await jobBecomes(lost, ({ lost_leases }) => lost_leases === 1);
  await createJob({ pool, engine: "brush" });
  await runScheduled({ ...env, RESULT_RETENTION_DAYS: "0.000001" });
  for (const what of ["cancel", "delete"]) await api("POST", `/jobs/${what}`, { job_ids: [jobId, lost] });
  await liveOnLimitedKey();
  await json(api("DELETE", `/webhooks/${webhook_id}`));
  await json(api("DELETE", `/agents/${agent_id}`));
}

/** What a key's limits, idempotency and uploads ask. */
async function liveOnLimitedKey(): Promise<void> {
  const limits = {
    requests_per_minute: 100,
    jobs_per_hour: 9,
    jobs_waiting: 9,
    bytes_stored: 99,
    upload_bytes: 99,
  };
  const fields = { name: "limited", scopes: ["jobs:write", "jobs:read"], limits };
  const { key, key_id } = await json<{ key: string; key_id: string }>(api("POST", "/keys", fields));
  const headers = () => ({ "x-api-key": key, "idempotency-key": crypto.randomUUID() });
  const file = { filename: "v.mp4", size: 10 };
  const { upload_id } = await json<{ upload_id: string }>(api("POST", "/uploads", file, headers()));
  const job = { task_id: "t", video_url: "https://example.com/v.mp4", labels: { a: "b" } };
  await json(api("POST", "/jobs", { ...job, callback_url: "https://example.com/hook" }, headers()));
  for (const path of [`/uploads/${upload_id}/parts`, "/usage", "/me"]) await get(path, key);
  await json(api("DELETE", `/uploads/${upload_id}`));
  for (const path of ["/keys", "/webhooks", "/webhooks/callback-secret"]) await get(path);
  await json(api("DELETE", `/keys/${key_id}`));
}
