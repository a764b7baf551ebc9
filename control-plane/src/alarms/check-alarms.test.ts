import { env } from "cloudflare:workers";
import type { AlarmView, AlarmWebhookEvent, DeliveryList, WebhookCreated } from "@splatt/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { database } from "../db/database.ts";
import { runScheduled } from "../maintenance/scheduled.ts";
import { api, createJob, json, mintAgent } from "../testing/api.ts";
import { newPool } from "../testing/dispatch.ts";
import { FakeReceiver } from "../testing/fake-receiver.ts";
import { mintKey } from "../testing/keys.ts";
import { BUILTIN_OFFER, ScriptedAgent } from "../testing/scripted-agent.ts";
import { checkAlarms } from "./check-alarms.ts";

const receiver = new FakeReceiver("https://alarms.example.org");
beforeEach(() => receiver.attach());
afterEach(() => receiver.detach());

const LATER_MS = 3_600_000;
const EVENTS = ["agent.alarm", "agent.alarm_ended"];
const FULL = { ...BUILTIN_OFFER, slots: 0, reason: "Full.", problem: "disk_full" as const };

const subscribe = (headers?: Record<string, string>) =>
  json<WebhookCreated>(api("POST", "/webhooks", { url: receiver.origin, events: EVENTS }, headers));
const alarmsOf = async (pool: string, headers?: Record<string, string>) =>
  (await json<{ alarms: AlarmView[] }>(api("GET", "/agents", undefined, headers))).alarms.filter(
    (alarm) => alarm.pool === pool,
  );
const deliveries = async (id: string, headers?: Record<string, string>) =>
  (await json<DeliveryList>(api("GET", `/webhooks/${id}/deliveries`, undefined, headers))).deliveries;
const alarmMetric = async (kind: string, pool: string) =>
  (await (await api("GET", "/metrics")).text()).includes(`splatt_alarms{kind="${kind}",pool="${pool}"} 1\n`);

describe("an alarm", () => {
  it("is shown, counted and told once, and told again when it ends", async () => {
    const { webhook_id } = await subscribe();
    const pool = newPool();
    const { agent_id, token } = await mintAgent(pool, "box-7");
    const agent = await ScriptedAgent.connect(token, { offer: FULL });
    await runScheduled(env);
    await runScheduled(env);
    expect(await alarmsOf(pool)).toMatchObject([{ kind: "disk", pool, agent_id }]);
    expect(await alarmMetric("disk", pool)).toBe(true);
    const told = (): AlarmWebhookEvent[] => receiver.requests.map(({ body }) => JSON.parse(body));
    const about = () => told().filter(({ data }) => data.agent_id === agent_id);
    await expect
      .poll(async () => {
        await runScheduled(env);
        return about().length;
      })
      .toBe(1);
    expect(about()[0]).toMatchObject({
      type: "agent.alarm",
      data: { kind: "disk", pool, message: expect.stringContaining("box-7") },
    });

    agent.send({ type: "offer", offer: BUILTIN_OFFER });
    await expect
      .poll(async () => {
        await runScheduled(env);
        return alarmsOf(pool);
      })
      .toEqual([]);
    await expect.poll(() => about().map(({ type }) => type)).toEqual(EVENTS);
    expect(about()[1]?.data.alarm_id).toBe(about()[0]?.data.alarm_id);
    expect(await alarmMetric("disk", pool)).toBe(false);
    expect((await deliveries(webhook_id)).every(({ job_id }) => job_id === null)).toBe(true);
    await json(api("DELETE", `/webhooks/${webhook_id}`));
    agent.close();
  });

  it("is sent once when two passes find it at the same time", async () => {
    const { webhook_id } = await subscribe();
    const pool = newPool();
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token, { offer: FULL });
    const db = database(env.DB);
    await Promise.all([checkAlarms(db, Date.now()), checkAlarms(db, Date.now())]);
    expect(await deliveries(webhook_id)).toHaveLength(1);
    await json(api("DELETE", `/webhooks/${webhook_id}`));
    agent.close();
  });

  it("says that jobs wait in a pool without an agent", async () => {
    const pool = newPool();
    await mintAgent(pool);
    await createJob({ pool });
    await checkAlarms(database(env.DB), Date.now());
    expect(await alarmsOf(pool)).toEqual([]);
    await checkAlarms(database(env.DB), Date.now() + LATER_MS);
    expect(await alarmsOf(pool)).toMatchObject([{ kind: "pool_without_agent", agent_id: null }]);
  });

  it("exists only for keys that may see its agents", async () => {
    const pool = newPool();
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token, { offer: FULL });
    const own = await mintKey(["agents"], { pool });
    const other = await mintKey(["agents"], { pool: newPool() });
    const reader = await mintKey(["jobs:read"]);
    const hooks = [];
    for (const scopes of [pool, newPool()]) {
      const { headers } = await mintKey(["agents", "jobs:read"], { pool: scopes });
      hooks.push({ headers, id: (await subscribe(headers)).webhook_id });
    }
    await checkAlarms(database(env.DB), Date.now());
    expect(await alarmsOf(pool, own.headers)).toHaveLength(1);
    expect(await alarmsOf(pool, other.headers)).toEqual([]);
    expect(
      (await api("POST", "/webhooks", { url: receiver.origin, events: EVENTS }, reader.headers)).status,
    ).toBe(403);
    const told = await Promise.all(hooks.map(({ headers, id }) => deliveries(id, headers)));
    expect(told.map((list) => list.length)).toEqual([1, 0]);
    agent.close();
  });
});
