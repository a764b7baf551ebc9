import { describe, expect, it } from "vitest";
import { readConfig, readMachineConfig, readWorkspaceConfig } from "./config.ts";
import { FOLDERS } from "./installation.ts";

const COMPLETE = { CONTROL_PLANE_URL: "https://splatt.example.com", AGENT_TOKEN: "token" };
const GIB = 1024 ** 3;

describe("readConfig", () => {
  it("fills in defaults for missing and empty settings", () => {
    const read = readConfig({ ...COMPLETE, ENGINE: "", SLOTS: "", WORKSPACE_ROOT: "", GPUS: "" });
    expect(read).toMatchObject({
      ok: true,
      config: {
        ENGINE: "auto",
        SLOTS: null,
        GPUS: [],
        WORKSPACE_ROOT: `${FOLDERS.data}/workspace`,
        WORKSPACE_MAX_BYTES: 50 * GIB,
        MIN_FREE_GPU_BYTES: 4 * GIB,
        STAGE_MAX_MINUTES: {},
      },
    });
  });

  it("reads lists, sizes, flags and minutes", () => {
    const read = readConfig({
      ...COMPLETE,
      GPUS: "GPU-a, GPU-b,",
      WORKSPACE_MAX_BYTES: "20GB",
      WORKSPACE_ROOT: "/data/splatt",
      ALLOW_HTTP: "1",
      STAGE_MAX_SILENCE_MINUTES: "poses=90, train=10",
    });
    expect(read).toMatchObject({
      ok: true,
      config: {
        GPUS: ["GPU-a", "GPU-b"],
        WORKSPACE_MAX_BYTES: 20e9,
        WORKSPACE_ROOT: "/data/splatt",
        ALLOW_HTTP: true,
        STAGE_MAX_SILENCE_MINUTES: { poses: 90, train: 10 },
      },
    });
  });

  it("reports every problem, each with the setting's name", () => {
    const read = readConfig({
      CONTROL_PLANE_URL: "http://splatt.example.com",
      ENGINE: "fast",
      SLOTS: "0",
      THREADS: "many",
      WORKSPACE_MAX_BYTES: "much",
      STAGE_MAX_MINUTES: "training=3",
    });
    const names = read.ok ? [] : read.problems.map((problem) => problem.split(" ")[0]);
    expect(names.toSorted()).toEqual([
      "AGENT_TOKEN",
      "CONTROL_PLANE_URL",
      "ENGINE",
      "SLOTS",
      "STAGE_MAX_MINUTES",
      "THREADS",
      "WORKSPACE_MAX_BYTES",
    ]);
    expect(read.ok ? [] : read.problems).toContain(
      "CONTROL_PLANE_URL must be https: the token would travel in the clear",
    );
  });

  it.each([
    ["https://splatt.example.com", true],
    ["http://localhost:8080", true],
    ["http://127.0.0.1:8080", true],
    ["http://[::1]:8080", true],
    ["http://192.168.1.5:8080", false],
    ["ftp://splatt.example.com", false],
    ["splatt.example.com", false],
  ])("takes %s for a control plane: %s", (url, accepted) => {
    expect(readConfig({ ...COMPLETE, CONTROL_PLANE_URL: url }).ok).toBe(accepted);
  });
});

it("the settings of a machine or a workspace do not need a control plane", () => {
  expect(readMachineConfig({}).ok).toBe(true);
  expect(readWorkspaceConfig({ WORKSPACE_ROOT: "/w", KEEP_JOBS: "7" })).toMatchObject({
    ok: true,
    config: { WORKSPACE_ROOT: "/w", KEEP_JOBS: 7 },
  });
  expect(readWorkspaceConfig({ KEEP_JOBS: "-1" }).ok).toBe(false);
});
