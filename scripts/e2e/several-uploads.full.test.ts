import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentProcess } from "@splatt/local/agent-process";
import { makeSampleClip } from "@splatt/sample-clip";
import { execa } from "execa";
import { openFile } from "splatt/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LocalStack, startLocalStack } from "./local-stack.ts";
import { SMALLEST_CLIP } from "./smallest-clip.ts";

/** A job of two uploads, with all parts real: ffmpeg, COLMAP, the builtin trainer. */

const TIMEOUT_MS = 900_000;

let dir: string;
let stack: LocalStack;
let agent: AgentProcess | null = null;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-several-"));
  stack = await startLocalStack();
}, 120_000);
afterAll(async () => {
  await agent?.stop();
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

it(
  "makes one splat of two uploaded videos, which the agent downloads as one archive",
  async () => {
    const clip = join(dir, "whole.mp4");
    const made = await makeSampleClip(clip, { ...SMALLEST_CLIP, seconds: 4 });
    if (!made.ok) throw new Error(made.error.detail);
    const halves = [join(dir, "first.mp4"), join(dir, "second.mkv")];
    for (const [i, half] of halves.entries())
      await execa("ffmpeg", ["-v", "error", "-ss", String(1.5 * i), "-t", "2.5", "-i", clip, half]);
    const { token } = await stack.client.createAgent({ name: "box" });
    agent = new AgentProcess({
      controlPlane: stack.url,
      token,
      workspace: join(dir, "workspace"),
      settings: { ENGINE: "builtin", SPLATT_AGENT_DIR: join(dir, "agent") },
      onLine: () => undefined,
    });
    const files = await Promise.all(halves.map((half) => openFile(half)));
    const { job_id } = await stack.client.run(files, { iterations: 60 });
    const job = await stack.client.wait(job_id);
    expect(job).toMatchObject({ status: "completed", error: null, filename: "first.mp4 and 1 more" });
    const names = job.report?.capture?.videos?.map(({ name }) => name);
    expect(names).toEqual(["first.mp4", "second.mkv"]);
    expect(job.report?.capture?.registered).toBeGreaterThan(14);
  },
  TIMEOUT_MS,
);
