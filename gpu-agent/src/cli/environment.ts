import { readFileSync } from "node:fs";
import { loadEnvFile } from "node:process";
import { parseEnv } from "node:util";
import { AgentEnvironment, type ConfigResult } from "../config.ts";
import { FOLDERS } from "../installation.ts";
import { PROXY_VARIABLES } from "../network/proxies.ts";
import { findEnvTypos } from "./env-typos.ts";

/** Settings of `npm start`, which may be in the same file, and other programs' names for proxy settings. */
const OTHER_SETTINGS = [
  ...["GPU_API_KEY", "PORT", "DATA_DIR", "FTP_PROXY", "ftp_proxy", "SPLATT_AGENT_DIR"],
  ...PROXY_VARIABLES.map((name) => name.toLowerCase()),
];

/** Names that look like misspelt settings, in the environment or in the settings file. */
export function environmentWarnings(environment: NodeJS.ProcessEnv): string[] {
  const known = [...Object.keys(AgentEnvironment.shape), ...OTHER_SETTINGS];
  return findEnvTypos(Object.keys(environment), known).map(
    ({ name, meant }) => `Unknown setting ${name}. Did you mean ${meant}?`,
  );
}

/**
 * Loads the settings file into the environment, which takes precedence. Tools inherit the result, so CUDA_HOME and the
 * like may be in it too.
 */
export function loadEnvironment(): NodeJS.ProcessEnv {
  try {
    loadEnvFile(FOLDERS.settingsFile);
  } catch {
    // Without the file, only the environment counts.
  }
  return process.env;
}

/** The settings in the file alone: all that a service gets. */
export function envFileSettings(): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(FOLDERS.settingsFile, "utf8"));
  } catch {
    return {};
  }
}

/**
 * Reads the settings with `read`, and prints every problem and likely typo.
 *
 * @returns null when the settings are invalid
 */
export function settingsOrComplaint<Config>(
  read: (environment: NodeJS.ProcessEnv) => ConfigResult<Config>,
): Config | null {
  const environment = loadEnvironment();
  for (const warning of environmentWarnings(environment)) console.error(`Warning: ${warning}`);
  const result = read(environment);
  if (result.ok) return result.config;
  console.error(`Invalid settings:\n${result.problems.map((line) => `  ${line}`).join("\n")}`);
  return null;
}
