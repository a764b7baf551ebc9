import { join } from "node:path";
import { AgentProcess } from "@splatt/local/agent-process";
import { makeSampleClip } from "@splatt/sample-clip";
import type { MetricPoint } from "@splatt/shared";
import { uploadFile } from "splatt/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LocalStack, startLocalStack } from "./local-stack.ts";
import { SMALLEST_CLIP } from "./smallest-clip.ts";

/** A job with all real parts, watched from its beginning to its end. */

let stack: LocalStack;
let agent: AgentProcess;
let token: string;
beforeAll(async () => {
  stack = await startLocalStack();
  ({ token } = await stack.client.createAgent({ name: "watched" }));
});
afterAll(async () => {
  await agent.stop();
  await stack.stop();
});

function startAgent(): AgentProcess {
  return new AgentProcess({
    controlPlane: stack.url,
    token,
    workspace: join(stack.dir, "workspace"),
    settings: { ENGINE: "builtin" },
    onLine: () => undefined,
  });
}

it("shows the whole log, live, as it is stored, although the agent is killed in the middle", async () => {
  const clip = join(stack.dir, "video.mp4");
  const made = await makeSampleClip(clip, SMALLEST_CLIP);
  if (!made.ok) throw new Error(made.error.detail);
  agent = startAgent();
  const uploadId = await uploadFile(stack.client, clip);
  const { job_id } = await stack.client.createJob({
    task_id: "watched",
    upload_id: uploadId,
    iterations: 60,
    max_resolution: 120,
  });

  const lines: string[] = [];
  const versions: number[] = [];
  const events: number[] = [];
  const points: MetricPoint[] = [];
  let wasKilled = false;
  for await (const message of stack.client.watch(job_id, { log: 0, metrics: 0 })) {
    if (message.type === "job") {
      versions.push(message.version);
      events.push(...message.events.map(({ number }) => number));
    }
    if (message.type === "metrics") points.push(...message.points);
    if (message.type !== "log") continue;
    expect(message.from).toBe(lines.length);
    lines.push(...message.lines);
    if (wasKilled || !message.lines.some((line) => line.includes(" poses: "))) continue;
    wasKilled = true;
    agent.kill("SIGKILL");
    await agent.exited;
    agent = startAgent();
  }
  const job = await stack.client.getJob(job_id);
  expect(job).toMatchObject({ status: "completed", attempt: 1 });
  expect(wasKilled).toBe(true);
  const stored = await (await stack.client.download(job_id, "pipeline.log")).text();
  expect(lines).toEqual(stored.trimEnd().split("\n"));
  expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
  expect(versions.at(-1)).toBe(job.version);
  expect(events).toEqual(Array.from(events, (_, index) => index + 1));
  expect(points.length).toBeGreaterThan(0);
  expect(points.at(-1)?.loss).toBeGreaterThan(0);
  expect((await stack.client.getJobLogs(job_id, { from: -3 })).lines).toEqual(lines.slice(-3));
}, 300_000);
