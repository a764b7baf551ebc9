import { existsSync } from "node:fs";
import { chown, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { err, ok, type Result } from "@splatt/shared";
import { execa } from "execa";
import type { AgentConfig } from "../config.ts";
import { installedProgram } from "../distribution/versions.ts";
import { FOLDERS, IS_CLONE } from "../installation.ts";
import { childEnvironment } from "../processes/child-environment.ts";
import { type Account, findAccount } from "./account.ts";
import { UNIT_NAME, type UnitPlan, unitText } from "./unit.ts";

export type Scope = UnitPlan["scope"];

/** The path where systemd looks for the unit. */
export function unitPath(scope: Scope): string {
  const folder = scope === "system" ? "/etc/systemd/system" : join(homedir(), ".config", "systemd", "user");
  return join(folder, UNIT_NAME);
}

/**
 * Collects what the unit needs to know about this machine.
 *
 * @param runAs the user that the agent runs as; null for the user who called sudo, else the owner of the program's folder
 */
export async function planUnit(
  scope: Scope,
  config: Pick<AgentConfig, "WORKSPACE_ROOT" | "DRAIN_SECONDS">,
  runAs: string | null,
): Promise<Result<{ plan: UnitPlan; account: Account | null }, string>> {
  const shared = {
    scope,
    workingDirectory: FOLDERS.data,
    ...installedProgram(),
    settingsFile: IS_CLONE ? null : FOLDERS.settingsFile,
    workspace: config.WORKSPACE_ROOT,
    drainSeconds: config.DRAIN_SECONDS,
    nvidiaModprobe: findProgram("nvidia-modprobe"),
  };
  if (scope === "user") return ok({ plan: { ...shared, user: null, home: homedir() }, account: null });
  const account = await findAccount(runAs ?? process.env.SUDO_USER ?? String((await stat(FOLDERS.data)).uid));
  if (!account.ok) return account;
  return ok({
    plan: { ...shared, user: account.value.name, home: account.value.home },
    account: account.value,
  });
}

/**
 * Writes the unit, and creates the folders that it can write to.
 *
 * @returns the unit's path
 */
export async function installUnit(plan: UnitPlan, account: Account | null): Promise<Result<string, string>> {
  const path = unitPath(plan.scope);
  if (plan.scope === "system" && process.getuid?.() !== 0) {
    return err(
      `Writing ${path} needs root. Run the command with sudo, or install a user service with --user.`,
    );
  }
  for (const folder of [plan.workspace, join(plan.home, ".cache")]) {
    await mkdir(folder, { recursive: true });
    // `join` made an empty workspace as root.
    if (account !== null && (await readdir(folder)).length === 0)
      await chown(folder, account.uid, account.gid);
  }
  // The service's account reads its settings in other commands too.
  if (plan.settingsFile !== null && account !== null)
    await chown(plan.settingsFile, account.uid, account.gid);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, unitText(plan), { mode: 0o644 });
  return ok(path);
}

/** The commands that start the service and show its log. */
export function nextCommands(scope: Scope): string[] {
  const [sudo, user] = scope === "system" ? ["sudo ", ""] : ["", " --user"];
  return [
    `${sudo}systemctl${user} daemon-reload`,
    `${sudo}systemctl${user} enable --now splatt-agent`,
    `journalctl${user} -u splatt-agent -f`,
    ...(scope === "user" ? ["loginctl enable-linger    # keeps it running while you are logged out"] : []),
  ];
}

/** Stops the service and removes its unit. @returns false when there was none */
export async function uninstallUnit(scope: Scope): Promise<boolean> {
  const path = unitPath(scope);
  if (!existsSync(path)) return false;
  const systemctl = (...args: string[]) =>
    execa("systemctl", [...(scope === "user" ? ["--user"] : []), ...args], {
      reject: false,
      stdio: "inherit",
      env: childEnvironment("engine"),
      extendEnv: false,
    });
  await systemctl("disable", "--now", UNIT_NAME);
  await rm(path);
  await systemctl("daemon-reload");
  return true;
}

function findProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/bin", "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}
