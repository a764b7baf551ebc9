import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Workspace } from "../jobs/workspace.ts";
import { AgentControl, askAgent } from "./control-client.ts";
import { type AgentStatus, controlSocketPath } from "./control-protocol.ts";
import { type ControlledAgent, serveOwner } from "./control-server.ts";

const STATUS: AgentStatus = {
  pid: 1,
  version: "0.1.0",
  started_at: "2026-11-23T20:15:00.000Z",
  control_plane: "https://splatt.example.com",
  connected: true,
  program: "/opt/splatt/gpu-agent",
  supervised: false,
  update: null,
  quarantine: null,
  paused: null,
  offer: { engines: [], default_engine: "builtin", slots: 1, parallel: 1, reason: "Runs builtin.", gpus: [] },
  jobs: [],
};

/** A fake agent that records its requests. */
function fakeAgent() {
  const asked: unknown[] = [];
  const agent: ControlledAgent = {
    status: () => STATUS,
    pause: async (request) => {
      asked.push(request);
    },
    resume: async () => {
      asked.push("resume");
    },
    restart: () => undefined,
    gc: async (request) => {
      asked.push(request);
      return [{ jobId: "old", endedAt: 10, bytes: 20 }];
    },
  };
  return { agent, asked };
}

let root: string;
const cleanups: (() => Promise<void>)[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "splatt-control-"));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await rm(root, { recursive: true, force: true });
});

async function serve(agent: ControlledAgent): Promise<AgentControl> {
  const stop = await serveOwner(root, agent);
  const control = new AgentControl(root);
  cleanups.push(() => control.close(), stop);
  return control;
}

describe("the control socket", () => {
  it("carries requests and answers", async () => {
    const { agent, asked } = fakeAgent();
    const control = await serve(agent);
    expect(await control.status()).toEqual({ ok: true, value: STATUS });
    expect(await control.pause({ reason: "gaming", now: true })).toMatchObject({ ok: true });
    expect(await control.resume()).toMatchObject({ ok: true });
    expect(await control.gc({ dry_run: true, keep_jobs: 2, max_bytes: 5 })).toEqual({
      ok: true,
      value: { removed: [{ jobId: "old", endedAt: 10, bytes: 20 }] },
    });
    expect(asked).toEqual([
      { reason: "gaming", now: true },
      "resume",
      { dry_run: true, keep_jobs: 2, max_bytes: 5 },
    ]);
  });

  it("returns the agent's errors", async () => {
    const { agent } = fakeAgent();
    const control = await serve({ ...agent, resume: () => Promise.reject(new Error("no such thing")) });
    expect(await control.resume()).toMatchObject({
      ok: false,
      error: expect.stringContaining("no such thing"),
    });
  });

  it("is accessible only to the agent's user", async () => {
    await serve(fakeAgent().agent);
    expect((await stat(controlSocketPath(root))).mode & 0o777).toBe(0o600);
  });

  it("replaces the socket of a killed agent", async () => {
    await writeFile(controlSocketPath(root), "");
    const control = await serve(fakeAgent().agent);
    expect((await control.status()).ok).toBe(true);
  });

  it("is removed on close", async () => {
    const stop = await serveOwner(root, fakeAgent().agent);
    await stop();
    await expect(stat(controlSocketPath(root))).rejects.toThrow();
  });
});

describe("askAgent", () => {
  it("returns null when no agent runs", async () => {
    expect(await askAgent(root, (agent) => agent.status())).toBeNull();
  });

  it("returns an error when the running agent does not answer", async () => {
    await new Workspace(root).lock();
    const answer = await askAgent(root, (agent) => agent.status());
    expect(answer).toMatchObject({
      ok: false,
      error: expect.stringContaining(`An agent runs in ${root}, but`),
    });
  });
});

describe("controlSocketPath", () => {
  it("is in the workspace, unless that is too deep for a socket's name", () => {
    expect(controlSocketPath("/data/splatt")).toBe("/data/splatt/agent.sock");
    const deep = controlSocketPath(`/data/${"x".repeat(120)}`);
    expect(deep).toMatch(/\.cache\/splatt-[0-9a-f]{16}\.sock$/);
    expect(controlSocketPath(`/data/${"y".repeat(120)}`)).not.toBe(deep);
  });
});
