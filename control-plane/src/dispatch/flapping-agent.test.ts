import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createJob, mintAgent } from "../testing/api.ts";
import { getJob, newPool } from "../testing/dispatch.ts";
import { BUILTIN_OFFER, ScriptedAgent } from "../testing/scripted-agent.ts";

beforeEach(() => {
  // It stands still, and ahead of the real clock, so that no alarm becomes due.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

/** It would be the best for each job. */
const offer = { ...BUILTIN_OFFER, slots: 64, parallel: 64 };

it("an agent that connects again and again without accepting its job loses it to another", async () => {
  const pool = newPool();
  const { token } = await mintAgent(pool);
  const first = await ScriptedAgent.connect(token, { offer });
  const jobId = await createJob({ pool });
  await first.next("job.assign");
  const other = await ScriptedAgent.connect((await mintAgent(pool)).token);
  for (let i = 0; i < 4; i++) await ScriptedAgent.connect(token, { offer });
  expect(await other.takeJob()).toMatchObject({ job_id: jobId, attempt: 2 });
});

it("an agent that rejects a job and connects again gets none before its cooldown is over", async () => {
  const pool = newPool();
  const { token } = await mintAgent(pool);
  const first = await ScriptedAgent.connect(token, { offer });
  const other = await ScriptedAgent.connect((await mintAgent(pool)).token);
  await createJob({ pool });
  const rejected = (await first.next("job.assign")).fence;
  await createJob({ pool });
  first.send({ type: "job.reject", fence: rejected, code: "no_free_slot", detail: "It says no." });
  expect(await other.takeJob()).toBeDefined();
  const again = await ScriptedAgent.connect(token, { offer });
  await createJob({ pool });
  again.send({ type: "job.cancelled", fence: rejected, seq: 1 });
  await again.next("ack");
  expect(await getJob(rejected.job_id)).toMatchObject({ agent_id: null, attempt: 1 });
});
