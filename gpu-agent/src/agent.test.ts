import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { err, failure, JobOptions, type JobSpec, type ServerMessage, SUBPROTOCOL } from "@splatt/shared";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { Agent } from "./agent.ts";
import { Workspace } from "./jobs/workspace.ts";
import { PauseFile } from "./owner/pause.ts";
import { Secret } from "./secret.ts";
import { idleHost } from "./testing/idle-host.ts";

const OFFER = {
  engines: [{ name: "builtin" as const, usable: true, version: null, reason: "" }],
  ...{ default_engine: "builtin" as const, slots: 1, reason: "", gpus: [] },
};
const FENCE = { job_id: "8c3f4a52-0f8e-4f57-9d4e-0e7a3d8f1b11", attempt: 1, lease_id: "lease-1" };
const REPEATED = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed";
const SPEC: JobSpec = {
  source: { kind: "url", url: "https://videos.test/v.mp4" },
  options: JobOptions.parse({}),
  retry_of: REPEATED,
};

const SELDOM_MS = 60_000;
const WELCOME: ServerMessage = {
  ...{ type: "welcome", protocol: "1.0", agent_id: "6f1c1c9e-7f0e-4a53-8f1e-0d6a6a3f4b11", pool: "default" },
  intervals: {
    ...{ heartbeat_ms: SELDOM_MS, lease_ms: SELDOM_MS, held_ms: SELDOM_MS },
    ...{ progress_ms: SELDOM_MS, resend_ms: SELDOM_MS },
  },
  jobs: [],
};

let root: string;
let gateway: WebSocketServer;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "splatt-agent-"));
  gateway = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: () => SUBPROTOCOL });
  await once(gateway, "listening");
});
afterEach(async () => {
  gateway.close();
  await rm(root, { recursive: true, force: true });
});

it("a job that arrives while the agent stops has stopped when the agent has", async () => {
  const workspace = new Workspace(root, async () => Number.MAX_SAFE_INTEGER);
  const isArriving = Promise.withResolvers<void>();
  gateway.on("connection", (socket) => {
    const send = (message: ServerMessage) => socket.send(JSON.stringify(message));
    socket.once("message", async () => {
      const repeated = workspace.jobDir(REPEATED);
      const record = join(repeated, "job.json");
      await mkdir(repeated, { recursive: true });
      // Whoever reads it waits for the end of the writer, which opens when somebody reads.
      execFileSync("mkfifo", [record]);
      send(WELCOME);
      send({ type: "job.assign", fence: FENCE, spec: SPEC });
      const writer = await open(record, "w");
      await rm(record);
      socket.on("close", () => writer.close());
      isArriving.resolve();
    });
  });
  const signals: AbortSignal[] = [];
  const agent = new Agent({
    controlPlane: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`,
    token: new Secret("t"),
    name: "box",
    version: "0",
    host: idleHost(OFFER),
    minFreeGpuBytes: 0,
    workspace,
    pauseFile: new PauseFile(root),
    pipeline: async (_, signal) => {
      signals.push(signal);
      if (!signal.aborted) await once(signal, "abort");
      return err(failure("agent_stopped", ""));
    },
    retention: { keepJobs: 1, maxBytes: Number.MAX_SAFE_INTEGER },
    drainMs: 0,
    diskPatienceMs: 300_000,
    log: pino({ level: "silent" }),
  });
  const ended = agent.run();
  await isArriving.promise;
  agent.stop();
  expect(await ended).toMatchObject({ exit: "closed" });
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});
