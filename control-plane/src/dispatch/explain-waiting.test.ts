import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { createJob, mintAgent } from "../testing/api.ts";
import { dispatcher, getJob, newPool } from "../testing/dispatch.ts";
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
