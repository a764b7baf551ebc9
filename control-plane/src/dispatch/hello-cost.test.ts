import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createJob, mintAgent } from "../testing/api.ts";
import { getJob, newPool } from "../testing/dispatch.ts";
import { BUILTIN_OFFER, ScriptedAgent } from "../testing/scripted-agent.ts";
import { StoreMeter } from "../testing/store-meter.ts";
import { AgentSockets } from "./agent-sockets.ts";
import { LeaseTable } from "./lease-table.ts";

beforeEach(() => {
  // It stands still, and ahead of the real clock, so that no alarm becomes due.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Messages are handled one after the other: with this answer, the hello has been dealt with. */
async function settled(agent: ScriptedAgent): Promise<void> {
  const fence = { job_id: crypto.randomUUID(), attempt: 1, lease_id: crypto.randomUUID() };
  agent.send({ type: "job.cancelled", fence, seq: 1 });
  await agent.next("ack");
}

it("a hello looks at none of the pool's other agents, at none of their jobs, and not at the queue", async () => {
  const pool = newPool();
  const firstAgent = await mintAgent(pool);
  const jobId = await createJob({ pool, engine: "brush" });
  await expect.poll(async () => (await getJob(jobId)).message).toContain("none is connected");
  // The first idle one of a second looks for jobs to recall.
  await settled(await ScriptedAgent.connect(firstAgent.token));
  const looks = [
    vi.spyOn(AgentSockets.prototype, "open"),
    vi.spyOn(LeaseTable.prototype, "all"),
    vi.spyOn(LeaseTable.prototype, "countByAgent"),
  ];
  const meter = StoreMeter.attach();
  const costs: (readonly [number, number])[] = [];
  for (let i = 0; i < 3; i++) {
    const { token } = await mintAgent(pool);
    meter.reset();
    const agent = await ScriptedAgent.connect(token);
    await settled(agent);
    costs.push([meter.d1Calls, meter.rowsRead]);
  }
  meter.detach();
  expect(looks.map(({ mock }) => mock.calls.length)).toEqual([0, 0, 0]);
  expect(costs).toEqual([costs[0], costs[0], costs[0]]);
});

it("updates the message of a job that was created while no agent was connected", async () => {
  const pool = newPool();
  const { token } = await mintAgent(pool);
  const first = await ScriptedAgent.connect(token);
  await createJob({ pool, engine: "brush" });
  first.close();
  await expect
    .poll(async () => (await getJob(await createJob({ pool, engine: "brush" }))).message)
    .toContain("none is connected");
  const jobId = await createJob({ pool, engine: "brush" });
  await ScriptedAgent.connect(token);
  await expect.poll(async () => (await getJob(jobId)).message).toContain('can run the engine "brush"');
});

it("a job that is created, and one that ends, look at no agent but the one that gets it", async () => {
  const pool = newPool();
  const { agent_id, token } = await mintAgent(pool);
  const worker = await ScriptedAgent.connect(token);
  const brush = {
    engines: [{ name: "brush", usable: true, version: null, reason: "" }],
    default_engine: null,
  };
  const idle = { ...BUILTIN_OFFER, ...brush } as typeof BUILTIN_OFFER;
  for (let i = 0; i < 2; i++) {
    await settled(await ScriptedAgent.connect((await mintAgent(pool)).token, { offer: idle }));
  }
  const looks = [
    vi.spyOn(AgentSockets.prototype, "open"),
    vi.spyOn(LeaseTable.prototype, "all"),
    vi.spyOn(LeaseTable.prototype, "countByAgent"),
  ];
  const counted = vi.spyOn(LeaseTable.prototype, "countOf");
  for (let i = 0; i < 2; i++) {
    const jobId = await createJob({ pool, engine: "builtin" });
    const fence = await worker.takeJob();
    worker.fail(fence, 1, "source_not_found");
    await settled(worker);
    expect(await getJob(jobId)).toMatchObject({ status: "failed" });
  }
  expect(looks.map(({ mock }) => mock.calls.length)).toEqual([0, 0, 0]);
  expect(new Set(counted.mock.calls.flat())).toEqual(new Set([agent_id]));
});
