import { env } from "cloudflare:workers";
import { type AgentMessage, CLOSE } from "@splatt/shared";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runScheduled } from "./maintenance/scheduled.ts";
import { API_KEY, api, createJob, json, mintAgent } from "./testing/api.ts";
import { jobBecomes, newPool, passTime } from "./testing/dispatch.ts";
import { faultyD1, faultyR2 } from "./testing/faulty-stores.ts";
import { BUILTIN_OFFER, EMPTY_REPORT, ScriptedAgent } from "./testing/scripted-agent.ts";

/** Stands for whatever is secret: it is put into every input, and must be in no line of the log. */
const CANARY = "canary-7f3a";
const SIGNED = `https://videos.example.com/v.mp4?X-Amz-Signature=${CANARY}`;
/** What forges log lines or hides them: line breaks, ANSI sequences, text that runs backwards. */
const FORGED = 'box\n{"level":"info","event":"forged"}\u001b[2J\u009b31m\u202e';

const lines: string[] = [];
beforeEach(() => {
  lines.length = 0;
  for (const method of ["log", "info", "warn", "error", "debug"] as const) {
    vi.spyOn(console, method).mockImplementation((...args) => void lines.push(args.map(String).join(" ")));
  }
});
const stores = { DB: env.DB, BUCKET: env.BUCKET };
afterEach(() => {
  Object.assign(env, stores);
  vi.restoreAllMocks();
});

function expectCleanLog(): void {
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    expect(line).not.toContain(CANARY);
    const { event, ...fields } = JSON.parse(line) as Record<string, unknown>;
    expect(event).not.toBe("forged");
    // As the launcher prints it: what a field holds must not move the cursor or begin a line.
    for (const value of Object.values(fields))
      expect(String(value)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  }
}

describe("a log line holds nothing secret, and no text that forges one:", () => {
  it("a job's whole life, with a signed link and texts that an agent chose", async () => {
    const pool = newPool();
    const { agent_id, token } = await mintAgent(pool);
    // As an older version of the API took it.
    await env.DB.prepare("UPDATE agents SET name = ? WHERE id = ?").bind(FORGED, agent_id).run();
    const agent = await ScriptedAgent.dial(token);
    const reason = `${FORGED} ${SIGNED}`;
    agent.hello({ offer: { ...BUILTIN_OFFER, reason } });
    await agent.next("welcome");
    const jobId = await createJob({ pool, filebin_url: SIGNED, filename: `${CANARY}.mp4` });
    const fence = await agent.takeJob();
    const detail = `${FORGED} at ${SIGNED}`;
    const message: AgentMessage = {
      type: "job.fail",
      fence,
      seq: 1,
      code: "source_unreachable",
      detail,
      log_tail: [detail],
      report: EMPTY_REPORT,
    };
    agent.send(message);
    await agent.next("ack");
    await passTime(pool, 700_000);
    const second = await agent.takeJob();
    agent.send({ type: "job.returned", fence: second, seq: 1, reason: detail });
    await agent.next("ack");
    const third = await agent.takeJob();
    agent.send({ type: "job.reject", fence: third, code: "disk_full", detail });
    await json(api("POST", `/jobs/${jobId}/cancel`));
    agent.sendRaw(JSON.stringify({ type: CANARY, [CANARY]: detail }));
    expect((await agent.closed).code).toBe(CLOSE.badMessage);
    expectCleanLog();
  });

  it.each([
    "D1_ERROR: UNIQUE constraint failed: jobs.id: SQLITE_CONSTRAINT",
    "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
  ])("a query that fails, on a route (%s)", async (error) => {
    const isInsert = /insert into "jobs"/;
    Object.assign(env, {
      DB: faultyD1(stores.DB, async ({ what }) => (isInsert.test(what) ? { error } : {})),
    });
    const response = await api("POST", "/jobs", { task_id: CANARY, filebin_url: SIGNED, filename: "v.mp4" });
    expect(response.status).toBeGreaterThanOrEqual(500);
    expect(await response.text()).not.toContain(CANARY);
    expect(lines.join()).toContain(error);
    expectCleanLog();
  });

  it("a query that fails, in the Dispatcher", async () => {
    const error = "D1_ERROR: UNIQUE constraint failed: jobs.id";
    let isBroken = false;
    const judge = async () => (isBroken ? { error } : {});
    Object.assign(env, { DB: faultyD1(stores.DB, judge), BUCKET: faultyR2(stores.BUCKET, judge) });
    const pool = newPool();
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token);
    await createJob({ pool, filebin_url: SIGNED });
    const fence = await agent.takeJob();
    await jobBecomes(fence.job_id, ({ attempt }) => attempt === 1);
    isBroken = true;
    const message = `${CANARY} ${FORGED}`;
    agent.send({ type: "job.stage", fence, seq: 1, status: "training", progress: 1, message });
    await expect.poll(() => lines.join()).toContain("message not handled");
    await runScheduled(env).catch(() => undefined);
    expectCleanLog();
  });

  it("wrong credentials", async () => {
    const address = { "cf-connecting-ip": `192.0.2.${1 + Math.floor(Math.random() * 250)}` };
    const statuses: number[] = [];
    for (let tries = 0; tries < 12; tries++) {
      statuses.push((await api("GET", "/jobs", undefined, { "x-api-key": CANARY, ...address })).status);
    }
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429]);
    const id = crypto.randomUUID();
    const authorization = `Bearer splatt_agent_${id}.${CANARY.padEnd(43, "x")}`;
    const headers = { authorization, "cf-connecting-ip": "198.51.100.7" };
    expect((await api("GET", `/agent/jobs/${id}/input`, undefined, headers)).status).toBe(401);
    expect((await api("GET", "/agent", undefined, { upgrade: "websocket", ...headers })).status).toBe(401);
    const logged = lines.map((line) => JSON.parse(line) as { request_id?: string });
    expect(logged.every(({ request_id }) => request_id !== undefined)).toBe(true);
    expect(logged.map(({ request_id, ...fields }) => fields)).toEqual([
      { level: "warn", event: "wrong API key", address: address["cf-connecting-ip"], failures: 1 },
      { level: "warn", event: "wrong API key", address: address["cf-connecting-ip"], failures: 10 },
      { level: "warn", event: "wrong agent token", address: "198.51.100.7", failures: 1 },
    ]);
    expectCleanLog();
  });

  it("labels, callbacks, idempotency keys, signed links and shares", async () => {
    const pool = newPool();
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token);
    const headers = { "x-api-key": API_KEY, "idempotency-key": `${CANARY}-${crypto.randomUUID()}` };
    const body = {
      task_id: CANARY,
      pool,
      filebin_url: SIGNED,
      filename: `${CANARY}.mp4`,
      labels: { [CANARY]: CANARY },
      callback_url: `https://hooks.example.com/${CANARY}?token=${CANARY}`,
    };
    await json(api("POST", "/jobs", body, headers));
    const reused = await json<object>(api("POST", "/jobs", { ...body, fps: 1 }, headers), 422);
    expect(reused).toMatchObject({ code: "idempotency_key_reused" });
    const fence = await agent.takeJob();
    await agent.complete(fence, 1);
    await agent.next("ack");
    const secrets: string[] = [];
    for (const [path, field] of [
      ["results/transforms.json/link", "url"],
      ["shares", "url"],
    ] as const) {
      const made = await json<Record<string, string>>(
        api(
          "POST",
          `/jobs/${fence.job_id}/${path}`,
          {},
          { ...headers, "idempotency-key": crypto.randomUUID() },
        ),
      );
      secrets.push(new URL(made[field] ?? "").pathname.split("/")[2] ?? "");
    }
    const [link = "", share = ""] = secrets;
    // Also where the stores fail in the middle of serving them.
    const error = "D1_ERROR: UNIQUE constraint failed: jobs.id";
    Object.assign(env, { DB: faultyD1(stores.DB, async () => ({ error })) });
    for (const path of [`/links/${link}/transforms.json`, `/s/${share}/meta`, `/s/${share}`]) {
      expect((await api("GET", path, undefined, {})).status).toBeGreaterThanOrEqual(500);
    }
    expect((await api("POST", "/jobs", body, headers)).status).toBeGreaterThanOrEqual(500);
    await runScheduled(env).catch(() => undefined);
    expect(lines.filter((line) => line.includes("request failed")).length).toBeGreaterThanOrEqual(3);
    expectCleanLog();
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(40);
      expect(lines.join("\n")).not.toContain(secret);
    }
  });
});
