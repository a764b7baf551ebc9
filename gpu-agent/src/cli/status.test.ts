import { describe, expect, it } from "vitest";
import type { AgentStatus } from "../owner/control-protocol.ts";
import { resumedText } from "./resume.ts";
import { statusText } from "./status.ts";

const GIB = 1024 ** 3;
const SPACE = { root: "/data/splatt", bytes: 3 * GIB, max_bytes: 50 * GIB, ended_jobs: 2 };
const AGENT: AgentStatus = {
  pid: 4711,
  version: "0.1.0",
  started_at: "2026-11-23T20:15:00.000Z",
  control_plane: "https://splatt.example.com",
  connected: true,
  program: "/opt/splatt/gpu-agent",
  supervised: false,
  update: null,
  quarantine: null,
  paused: null,
  offer: {
    engines: [],
    default_engine: "nerfstudio",
    slots: 2,
    parallel: 1,
    reason: "Runs nerfstudio.",
    gpus: [
      {
        name: "NVIDIA L4",
        uuid: "a",
        memory_total: 24 * GIB,
        memory_free: 4 * GIB,
        temperature: 61,
        utilization: 97,
      },
      {
        name: "NVIDIA GB10",
        uuid: "b",
        memory_total: 0,
        memory_free: null,
        temperature: null,
        utilization: null,
      },
    ],
  },
  jobs: [
    {
      job_id: "12345678-0000-0000-0000-000000000000",
      attempt: 1,
      status: "training",
      progress: 61,
      message: "Step 3000/5000",
      eta_seconds: 95,
      seconds_since_output: 0,
    },
  ],
};

describe("statusText", () => {
  it("shows the state, jobs and GPUs of a running agent", () => {
    expect(statusText(AGENT, null, SPACE, null)).toBe(
      `Agent      0.1.0, process 4711, since 2026-11-23 20:15 UTC
           connected to https://splatt.example.com
           Runs nerfstudio.
Slots      1 of 2 taken
GPU        NVIDIA L4, 4.0 GiB of 24.0 GiB free, 97 % busy, 61 °C
GPU        NVIDIA GB10
Job        12345678 training 61 %, about 1 min 35 s to go: Step 3000/5000
Workspace  /data/splatt: 3.0 GiB of at most 50.0 GiB, 2 ended jobs`,
    );
  });

  it("counts one ended job as one", () => {
    expect(statusText(null, null, { ...SPACE, ended_jobs: 1 }, null)).toMatch(/, 1 ended job$/);
  });

  it("shows that the control plane serves a newer agent", () => {
    const text = statusText({ ...AGENT, update: "0.2.0" }, null, SPACE, null);
    expect(text).toContain("update available: 0.2.0; install it with splatt-agent update");
  });

  it("shows that the agent is not connected", () => {
    expect(statusText({ ...AGENT, connected: false }, null, SPACE, null)).toContain(
      "NOT connected to https://",
    );
  });

  it("shows that no agent runs, or that it does not answer", () => {
    const pause = { since: "2026-11-23T20:15:00.000Z", reason: "gaming" };
    expect(statusText(null, pause, SPACE, null)).toMatch(
      /^Agent {6}none runs here\n +Paused by its owner .*: gaming\n/,
    );
    expect(statusText(null, null, SPACE, "It is stuck.")).toMatch(/^Agent {6}It is stuck\.\nWorkspace/);
  });

  it("escapes control characters", () => {
    const [job] = AGENT.jobs;
    const jobs = job === undefined ? [] : [{ ...job, message: "\u001b[2Jgone\nForged" }];
    const text = statusText({ ...AGENT, jobs }, null, SPACE, null);
    expect(text).toContain("\\u{1b}[2Jgone\\u{a}Forged");
    expect(text.split("\n")).toHaveLength(8);
  });
});

describe("resumedText", () => {
  it.each([
    ["Runs nerfstudio.", null, "No longer paused. Runs nerfstudio."],
    ["Takes no jobs: COLMAP is missing.", null, "No longer paused. Takes no jobs: COLMAP is missing."],
    ["Runs nerfstudio.", "It takes no jobs.", "No longer paused. It takes no jobs."],
  ])("of an agent that says %s and %s", (reason, quarantine, text) => {
    expect(resumedText({ offer: { ...AGENT.offer, reason }, quarantine })).toBe(text);
  });
});
