import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { installUnit, nextCommands, planUnit, uninstallUnit, unitPath } from "./service.ts";

/** A user's service in a temporary home, with a fake systemctl that records its calls. */

let home: string;
const before = { HOME: process.env.HOME, PATH: process.env.PATH };
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "splatt-home-"));
  await writeFile(join(home, "systemctl"), `#!/bin/sh\necho "$*" >> "${home}/calls"\n`);
  await chmod(join(home, "systemctl"), 0o755);
  process.env.HOME = home;
  process.env.PATH = `${home}:${before.PATH}`;
});
afterEach(async () => {
  Object.assign(process.env, before);
  await rm(home, { recursive: true, force: true });
});

const settings = () => ({ WORKSPACE_ROOT: join(home, "data", "splatt"), DRAIN_SECONDS: 60 });

describe("a user's service", () => {
  it("installs with the folders that it needs, and uninstalls", async () => {
    const planned = await planUnit("user", settings(), null);
    if (!planned.ok) throw new Error(planned.error);
    const installed = await installUnit(planned.value.plan, planned.value.account);
    const path = join(home, ".config", "systemd", "user", "splatt-agent.service");
    expect(installed).toEqual({ ok: true, value: path });
    expect(await readFile(path, "utf8")).toContain("\nExecStart=");
    expect((await stat(settings().WORKSPACE_ROOT)).isDirectory()).toBe(true);

    expect(await uninstallUnit("user")).toBe(true);
    await expect(stat(path)).rejects.toThrow();
    expect((await readFile(join(home, "calls"), "utf8")).split("\n")).toEqual([
      "--user disable --now splatt-agent.service",
      "--user daemon-reload",
      "",
    ]);
  });

  it("reports that there is nothing to uninstall", async () => {
    expect(await uninstallUnit("user")).toBe(false);
    await expect(stat(join(home, "calls"))).rejects.toThrow();
  });
});

describe("the machine's service", () => {
  it("runs as the given user, and rejects an unknown one", async () => {
    expect(await planUnit("system", settings(), "root")).toMatchObject({
      ok: true,
      value: { plan: { user: "root", home: "/root" }, account: { uid: 0 } },
    });
    expect(await planUnit("system", settings(), "nobody-of-this-name")).toEqual({
      ok: false,
      error: "This machine has no user nobody-of-this-name.",
    });
  });

  it("is written where systemd looks, and is started by root", () => {
    expect(unitPath("system")).toBe("/etc/systemd/system/splatt-agent.service");
    expect(nextCommands("system")[1]).toBe("sudo systemctl enable --now splatt-agent");
    expect(nextCommands("user")[1]).toBe("systemctl --user enable --now splatt-agent");
  });
});
