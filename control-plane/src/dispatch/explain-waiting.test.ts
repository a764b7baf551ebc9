import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { createJob, mintAgent } from "../testing/api.ts";
import { dispatcher, getJob, newPool } from "../testing/dispatch.ts";
import { BUILTIN_OFFER, ScriptedAgent } from "../testing/scripted-agent.ts";
import { seedRows } from "../testing/seed-rows.ts";

const WAITS = /^Waiting for an agent/;

it("a job behind a long queue gets its message after some passes", async () => {
  const pool = newPool();
  await mintAgent(pool);
  await seedRows(env.DB, pool, 4400);
  await env.DB.prepare("UPDATE jobs SET message = ?")
    .bind(`Waiting for an agent: none is connected to pool "${pool}".`)
    .run();
  const jobId = await createJob({ pool, engine: "brush" });
  expect((await getJob(jobId)).message).toMatch(WAITS);
  const forget = () => env.DB.prepare("UPDATE jobs SET message = '' WHERE id = ?").bind(jobId).run();
  for (const round of ["first", "second"]) {
    await forget();
    const messages: string[] = [];
    for (let pass = 0; pass < 3; pass++) {
      await dispatcher(pool).tick();
      messages.push((await getJob(jobId)).message);
    }
    expect(messages, round).toEqual(["", "", expect.stringMatching(WAITS)]);
  }
});

it("a job waits for what is missing now: for an agent, for the owner to resume it, then for its turn", async () => {
  const pool = newPool();
  const { token } = await mintAgent(pool);
  const first = await createJob({ pool });
  const second = await createJob({ pool });
  const message = async () => (await getJob(second)).message;
  await expect.poll(message).toContain("none is connected");
  const reason = "Paused by its owner.";
  const paused = { ...BUILTIN_OFFER, slots: 0, default_engine: null, reason };
  const agent = await ScriptedAgent.connect(token, { offer: paused });
  await expect.poll(message).toContain(reason);
  agent.send({ type: "offer", offer: BUILTIN_OFFER });
  expect((await agent.takeJob()).job_id).toBe(first);
  await expect.poll(message).toBe(`Waiting for a free agent in pool "${pool}".`);
});

it("a job keeps a message that is not about missing agents while agents are busy", async () => {
  const pool = newPool();
  const { token } = await mintAgent(pool);
  const first = await createJob({ pool });
  const second = await createJob({ pool });
  await expect.poll(async () => (await getJob(second)).message).toContain("none is connected");
  const told = "Waiting: returned by its agent. The agent is stopping.";
  await env.DB.prepare("UPDATE jobs SET message = ? WHERE id = ?").bind(told, second).run();
  const agent = await ScriptedAgent.connect(token);
  expect((await agent.takeJob()).job_id).toBe(first);
  await dispatcher(pool).tick();
  expect((await getJob(second)).message).toBe(told);
});
