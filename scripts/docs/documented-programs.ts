import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentHarness } from "@splatt/e2e/agent-harness";
import { startLocalStack } from "@splatt/e2e/local-stack";
import { ROOT } from "@splatt/local/local-machine";
import { isTerminal } from "@splatt/shared";
import { execa } from "execa";
import { expect } from "vitest";

/** More than one part of an upload. */
const VIDEO_BYTES = 33 * 1024 * 1024;

/** The programs of docs/from-key-to-ply.md, by their file name. */
export async function programs(): Promise<ReadonlyMap<string, string>> {
  const page = await readFile(join(ROOT, "docs", "from-key-to-ply.md"), "utf8");
  const blocks = page.matchAll(/<!-- program: (\S+) -->\n```\w+\n([\s\S]*?)```/g);
  return new Map([...blocks].map(([, name = "", text = ""]) => [name, text]));
}

/** Runs a program as its reader would, with a key of few rights, and expects the splat on the disk afterwards. */
export async function runsToPly(name: string, command: readonly [string, ...string[]]): Promise<void> {
  const stack = await startLocalStack({ heartbeatMs: 200, progressWriteMs: 1, resendMs: 100 });
  const harness = new AgentHarness(stack);
  harness.pool = "default";
  const dir = await mkdtemp(join(tmpdir(), "splatt-program-"));
  try {
    harness.startAgent({ token: await harness.mint(), pipeline: harness.fakePipeline() });
    await writeFile(join(dir, name), (await programs()).get(name) ?? "");
    await writeFile(join(dir, "video.mp4"), new Uint8Array(VIDEO_BYTES));
    const scopes = ["jobs:write", "jobs:read", "results:read"];
    const answer = await fetch(`${stack.url}/keys`, {
      method: "POST",
      headers: { "x-api-key": stack.apiKey },
      body: JSON.stringify({ name: "reader", scopes }),
    });
    const { key } = (await answer.json()) as { key: string };
    const [file, ...args] = command;
    await execa(file, [...args, name], { cwd: dir, env: { API: stack.url, KEY: key } });

    const { jobs } = await stack.client.listJobs();
    expect(jobs.map(({ task_id, status }) => [task_id, isTerminal(status)])).toEqual([["my-task", true]]);
    expect(await readFile(join(dir, "splat.ply"), "utf8")).toBe(`baked_splat_sh.ply of ${jobs[0]?.job_id}`);
  } finally {
    await harness.stopAgents();
    await stack.stop();
    await rm(dir, { recursive: true });
  }
}
