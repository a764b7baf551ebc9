import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPreviousControlPlane, unpackPreviousVersion } from "@splatt/control-plane/previous-version";
import { execa } from "execa";
import { Splatt } from "splatt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AgentHarness } from "./agent-harness.ts";
import { startLocalStack } from "./local-stack.ts";
import { PROGRAM, userSurroundings } from "./terminal.ts";

/** The command line of one version with the control plane of the other: people update the two at different times. */

const API_KEY = "key-of-both-versions";

let dir: string;
let previousProgram: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-previous-client-"));
  ({ clientProgram: previousProgram } = await unpackPreviousVersion(join(dir, "previous")));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Everything that a person does from a video to its files, and what an owner manages. */
async function useEveryCommand(program: string, url: string, apiKey: string, harness: AgentHarness) {
  const folder = join(dir, harness.pool, program === PROGRAM ? "new" : "old");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "chair.mp4"), Buffer.alloc(1_500_000, "video"));
  const settings = { SPLATT_URL: url, SPLATT_API_KEY: apiKey };
  const json = async (args: readonly string[], code = 0) => {
    const command = [program, ...args, "--json"];
    const options = { ...userSurroundings(folder, settings), reject: false } as const;
    const { exitCode, stdout, stderr } = await execa(process.execPath, command, options);
    expect({ args, exitCode }, `${stdout}\n${stderr}`).toEqual({ args, exitCode: code });
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const id = async (args: readonly string[], field: string) => String((await json(args))[field]);

  expect(await json(["health"])).toMatchObject({ status: "healthy" });
  const token = await harness.mint();
  const submitted = await id(["submit", "chair.mp4", "--pool", harness.pool, "--label", "a=b"], "job_id");
  expect(await json(["status", submitted.slice(0, 8)])).toMatchObject({
    job_id: submitted,
    status: "queued",
  });
  expect(await json(["cancel", submitted])).toMatchObject({ status: "cancelled" });
  expect(await json(["watch", submitted], 5)).toMatchObject({ status: "cancelled" });

  harness.startAgent({ token, pipeline: harness.fakePipeline() });
  expect(await json(["chair.mp4", "--pool", harness.pool, "--label", "a=b"])).toMatchObject({
    status: "completed",
  });
  const files = ["baked_splat.ply", "baked_splat_sh.ply", "transforms.json"];
  expect((await readdir(join(folder, "chair"))).toSorted()).toEqual(files);
  const { jobs } = (await json(["list", "--label", "a=b", "--status", "completed"])) as {
    jobs: { job_id: string }[];
  };
  expect(jobs).toHaveLength(1);
  const jobId = jobs[0]?.job_id ?? "";
  const text = `transforms.json of ${jobId}`;
  expect(await readFile(join(folder, "chair", "transforms.json"), "utf8")).toBe(text);
  expect(await json(["watch", jobId])).toMatchObject({ status: "completed" });
  expect(await json(["logs", jobId])).toMatchObject({ lines: [] });
  await json(["get", jobId, "--out", "again"]);
  expect((await readdir(join(folder, "again"))).toSorted()).toEqual(files);
  const shareId = await id(["share", jobId], "share_id");
  expect(await json(["share", "list"])).toMatchObject({ shares: [{ share_id: shareId }] });
  await json(["share", "revoke", shareId]);
  const retried = await id(["retry", submitted], "job_id");
  expect(await json(["watch", retried])).toMatchObject({ status: "completed" });
  await json(["delete", jobId, "--yes"]);
  expect(await json(["status", jobId], 1)).toMatchObject({ error: { code: "job_not_found" } });

  const agentId = await id(["agents", "add", "box"], "agent_id");
  expect(JSON.stringify(await json(["agents"]))).toContain(agentId);
  await json(["agents", "remove", agentId, "--yes"]);
  const keyId = await id(["keys", "create", "ci", "--scope", "jobs:read"], "key_id");
  expect(JSON.stringify(await json(["keys"]))).toContain(keyId);
  await json(["keys", "revoke", keyId, "--yes"]);
  const webhookId = await id(["webhooks", "add", "https://example.com/hook"], "webhook_id");
  expect(await json(["webhooks", "deliveries", webhookId])).toMatchObject({ deliveries: [] });
  await json(["webhooks", "remove", webhookId]);
}

describe("every command", () => {
  it("of the previous version works with this control plane", async () => {
    const stack = await startLocalStack();
    const harness = new AgentHarness(stack);
    try {
      await useEveryCommand(previousProgram, stack.url, stack.apiKey, harness);
    } finally {
      await harness.stopAgents();
      await stack.stop();
    }
  });

  it("of this version works with the previous control plane", async () => {
    const { url, stop } = await startPreviousControlPlane(join(dir, "previous"), API_KEY);
    // Answers of the previous control plane need not match this version's contract.
    const { unchecked } = globalThis.fetch as typeof fetch & { readonly unchecked: typeof fetch };
    const client = new Splatt({ url, apiKey: API_KEY, fetch: unchecked });
    const harness = new AgentHarness({ url, dir, client });
    try {
      await useEveryCommand(PROGRAM, url, API_KEY, harness);
    } finally {
      await harness.stopAgents();
      await stop();
    }
  });
});
