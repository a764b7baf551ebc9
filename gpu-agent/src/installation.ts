import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import manifest from "../package.json" with { type: "json" };

export const VERSION: string = manifest.version;

/** Whether this is a clone of the repository; otherwise it is the package that the control plane serves. */
export const IS_CLONE = basename(import.meta.dirname) === "src";

/** The folder of this program's package: gpu-agent in a clone. */
export const PACKAGE_DIR = dirname(import.meta.dirname);

/** This program's version, with its build where `join` or `update` has installed it. */
export const RUNNING_VERSION = runningVersion(PACKAGE_DIR);

/** @param packageDir an installed package is in `versions/VERSION-BUILD/node_modules` */
export function runningVersion(packageDir: string): string {
  const [version, build] = basename(dirname(dirname(packageDir))).split("-");
  return version === VERSION && build !== undefined ? `${VERSION}+${build}` : VERSION;
}

/** Where an agent keeps what belongs to it on this machine. */
export interface AgentFolders {
  /** Settings as NAME=value. */
  readonly settingsFile: string;
  /** Installed versions; relative paths in settings start here. */
  readonly data: string;
  /** A folder on PATH for the command; null when the folders were chosen by hand. */
  readonly bin: string | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The folders of a clone, of the system (root) or of a user. `SPLATT_AGENT_DIR` names one folder for everything, for a
 * second agent on a machine.
 */
export function agentFolders(environment: Environment, isRoot: boolean): AgentFolders {
  if (environment.SPLATT_AGENT_DIR) return oneFolder(environment.SPLATT_AGENT_DIR);
  if (IS_CLONE) {
    const project = dirname(PACKAGE_DIR);
    return { settingsFile: join(project, ".env"), data: project, bin: null };
  }
  return isRoot ? SYSTEM_FOLDERS : userFolders(environment);
}

const SYSTEM_FOLDERS: AgentFolders = {
  settingsFile: "/etc/splatt-agent/agent.env",
  data: "/var/lib/splatt-agent",
  bin: "/usr/local/bin",
};

function oneFolder(folder: string): AgentFolders {
  return { settingsFile: join(folder, "agent.env"), data: folder, bin: null };
}

function userFolders(environment: Environment): AgentFolders {
  const config = environment.XDG_CONFIG_HOME || join(homedir(), ".config");
  const data = environment.XDG_DATA_HOME || join(homedir(), ".local", "share");
  return {
    settingsFile: join(config, "splatt-agent", "agent.env"),
    data: join(data, "splatt-agent"),
    bin: join(homedir(), ".local", "bin"),
  };
}

/** The folders to read from: the user's, or the system's where only that has settings, as for a service's account. */
function foldersInUse(): AgentFolders {
  const own = agentFolders(process.env, process.getuid?.() === 0);
  const isPersonal = !IS_CLONE && !process.env.SPLATT_AGENT_DIR;
  return isPersonal && !isReadable(own.settingsFile) && isReadable(SYSTEM_FOLDERS.settingsFile)
    ? SYSTEM_FOLDERS
    : own;
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

export const FOLDERS: AgentFolders = foldersInUse();
