import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execaSync } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseAccount } from "./account.ts";
import { UNIT_NAME, type UnitPlan, unitText } from "./unit.ts";

const PLAN: UnitPlan = {
  scope: "system",
  workingDirectory: "/opt/splatt",
  node: process.execPath,
  program: "/opt/splatt/gpu-agent/src/main.ts",
  settingsFile: null,
  user: "splatt",
  home: "/home/splatt",
  workspace: "/data/splatt",
  drainSeconds: 60,
  nvidiaModprobe: null,
};
const USER_PLAN: UnitPlan = { ...PLAN, scope: "user", user: null };

/** The values of a setting, in order. */
function valuesOf(text: string, setting: string): string[] {
  return text
    .split("\n")
    .flatMap((line) => (line.startsWith(`${setting}=`) ? [line.slice(setting.length + 1)] : []));
}

describe("unitText", () => {
  it("starts the agent in the project's folder, as its user, and restarts it only after a crash", () => {
    const text = unitText(PLAN);
    expect(valuesOf(text, "User")).toEqual(["splatt"]);
    expect(valuesOf(text, "WorkingDirectory")).toEqual(["/opt/splatt"]);
    expect(valuesOf(text, "ExecStart")).toEqual([
      `${process.execPath} /opt/splatt/gpu-agent/src/main.ts start`,
    ]);
    expect(valuesOf(text, "Restart")).toEqual(["on-failure"]);
    expect(valuesOf(text, "RestartPreventExitStatus")).toEqual(["2 3 4 5"]);
    expect(valuesOf(text, "WantedBy")).toEqual(["multi-user.target"]);
  });

  it("reads the settings of an installed package from their file", () => {
    const text = unitText({ ...PLAN, settingsFile: "/etc/splatt-agent/agent.env" });
    expect(valuesOf(text, "EnvironmentFile")).toEqual(["/etc/splatt-agent/agent.env"]);
    expect(valuesOf(unitText(PLAN), "EnvironmentFile")).toEqual([]);
  });

  it("leaves the agent time to drain before systemd kills it", () => {
    expect(valuesOf(unitText({ ...PLAN, drainSeconds: 600 }), "TimeoutStopSec")).toEqual(["630"]);
  });

  it("makes the agent's folders writable, and leaves CUDA its devices and its compilers", () => {
    const text = unitText(PLAN);
    expect(valuesOf(text, "ReadWritePaths")[0]).toMatch(/^\/data\/splatt -\/home\/splatt\/\.cache /);
    // Each of these would hide the GPU, or forbid code compiled at run time.
    for (const setting of ["PrivateDevices", "DevicePolicy", "ProtectClock", "MemoryDenyWriteExecute"]) {
      expect(text).not.toContain(setting);
    }
  });

  it("creates the GPU's devices with nvidia-modprobe where it is installed, and tolerates its failure", () => {
    const text = unitText({ ...PLAN, nvidiaModprobe: "/usr/bin/nvidia-modprobe" });
    expect(valuesOf(text, "ExecStartPre")).toEqual(["-+/usr/bin/nvidia-modprobe -c 0 -u"]);
  });

  it("uses only settings that a user's service manager supports", () => {
    const text = unitText({ ...USER_PLAN, nvidiaModprobe: "/usr/bin/nvidia-modprobe" });
    for (const setting of ["User", "ExecStartPre", "ProtectSystem", "ReadWritePaths", "Wants"]) {
      expect(valuesOf(text, setting)).toEqual([]);
    }
    expect(valuesOf(text, "WantedBy")).toEqual(["default.target"]);
    expect(valuesOf(text, "NoNewPrivileges")).toEqual(["yes"]);
  });

  it("escapes paths for systemd", () => {
    const text = unitText({
      ...PLAN,
      workingDirectory: "/opt/my splatt/100%",
      program: "/opt/my splatt/100%/gpu-agent/src/main.ts",
      workspace: '/data/"a"$b',
    });
    expect(valuesOf(text, "WorkingDirectory")).toEqual(["/opt/my splatt/100%%"]);
    expect(valuesOf(text, "ExecStart")[0]).toContain('"/opt/my splatt/100%%/gpu-agent/src/main.ts"');
    expect(valuesOf(text, "ReadWritePaths")[0]).toContain('"/data/\\"a\\"$$b"');
  });
});

const hasSystemd = !execaSync("systemd-analyze", ["--version"], { reject: false }).failed;

describe.skipIf(!hasSystemd)("systemd itself", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "splatt-unit-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it.each([
    ["the machine's unit", { ...PLAN, nvidiaModprobe: process.execPath }, []],
    [
      "one with paths that need care",
      { ...PLAN, workingDirectory: "/opt/my splatt/100%", program: "/opt/my splatt/100%/main.js" },
      [],
    ],
    ["a user's unit", USER_PLAN, ["--user"]],
  ])("accepts %s", async (_, plan, options) => {
    const path = join(dir, UNIT_NAME);
    await writeFile(path, unitText({ ...plan, user: plan.user === null ? null : "root" }));
    const { exitCode, all } = execaSync("systemd-analyze", ["verify", ...options, path], {
      all: true,
      reject: false,
      env: { XDG_RUNTIME_DIR: dir },
    });
    // In a container, a user's manager may be unreachable; systemd-analyze then does not check the unit.
    if (!/Failed to initialize manager/.test(all))
      expect({ exitCode, all }).toEqual({ exitCode: 0, all: "" });
  });
});

describe("parseAccount", () => {
  it("reads a line of /etc/passwd", () => {
    expect(parseAccount("splatt:x:997:995:Splatt agent:/home/splatt:/usr/sbin/nologin\n")).toEqual({
      name: "splatt",
      uid: 997,
      gid: 995,
      home: "/home/splatt",
    });
  });

  it.each(["", "splatt", "splatt:x:a:b::/home:", ":x:1:1::/home:/bin/sh"])("rejects %j", (line) => {
    expect(parseAccount(line)).toBeNull();
  });
});
