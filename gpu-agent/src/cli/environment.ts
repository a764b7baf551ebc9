import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadEnvFile } from "node:process";
import { parseEnv } from "node:util";
import { AgentEnvironment, type ConfigResult, PROJECT_DIR } from "../config.ts";
import { PROXY_VARIABLES } from "../network/proxies.ts";
import { findEnvTypos } from "./env-typos.ts";

export const ENV_FILE = join(PROJECT_DIR, ".env");

/** Settings of `npm start`, which may be in the same file, and names that other programs have for proxies. */
const OTHER_SETTINGS = [
  ...["GPU_API_KEY", "PORT", "DATA_DIR", "FTP_PROXY", "ftp_proxy"],
  ...PROXY_VARIABLES.map((name) => name.toLowerCase()),
];

/** Names that look like misspelt settings, in the environment or in .env. */
export function environmentWarnings(environment: NodeJS.ProcessEnv): string[] {
  const known = [...Object.keys(AgentEnvironment.shape), ...OTHER_SETTINGS];
  return findEnvTypos(Object.keys(environment), known).map(
    ({ name, meant }) => `Unknown setting ${name}. Did you mean ${meant}?`,
  );
}

/**
 * The environment, with .env behind it: what is set in both is as the environment says. Tools inherit it, so
 * that CUDA_HOME and the like may be in .env too.
 */
export function loadEnvironment(): NodeJS.ProcessEnv {
  try {
    loadEnvFile(ENV_FILE);
  } catch {
    // There is no .env: the environment alone decides.
  }
  return process.env;
}

/** What is in .env alone: a service is started with nothing else. */
export function envFileSettings(): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(ENV_FILE, "utf8"));
  } catch {
    return {};
  }
}

/** Reads settings with `read`, tells every problem and every name that looks misspelt; null for problems. */
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
