import { chmod, writeFile } from "node:fs/promises";
import { join as joinPath } from "node:path";
import { createInterface } from "node:readline/promises";
import { makeFolder } from "@splatt/shared/folders";
import { execa } from "execa";
import { type AgentConfig, readConfig } from "../config.ts";
import { findServedAgent, installVersion, pointLink } from "../distribution/installed-version.ts";
import { saveSettings } from "../distribution/save-settings.ts";
import { installedProgram, VERSIONS } from "../distribution/versions.ts";
import { askControlPlane, judgeNetwork, judgeToken } from "../doctor/control-plane.ts";
import { doctorText } from "../doctor/report.ts";
import { agentFolders, FOLDERS, IS_CLONE } from "../installation.ts";
import { httpClient } from "../network/http-client.ts";
import { toProxySettings } from "../network/proxies.ts";
import { type Command, readArgs, UsageError } from "./command.ts";
import { loadEnvironment } from "./environment.ts";
import { EXIT } from "./exit-codes.ts";

const isRoot = process.getuid?.() === 0;

export const join: Command = {
  usage: `Usage: splatt-agent join URL --token TOKEN

Checks that the control plane accepts the token, stores both in ${agentFolders(process.env, isRoot).settingsFile} (readable by its
owner only), installs the agent that the control plane serves, and runs doctor. On a terminal it offers to install the
service. Run it again to change the address or the token.

  --token TOKEN  the token from POST /agents, from the page "GPU boxes", or from \`splatt agents add\``,
  async run(args) {
    const { values, positionals } = readArgs(args, { token: { type: "string" } }, 1);
    const [url] = positionals;
    if (url === undefined) throw new UsageError("Missing argument: URL");
    if (values.token === undefined) throw new UsageError("Missing option: --token");
    return joinControlPlane(url, values.token);
  },
};

async function joinControlPlane(url: string, token: string): Promise<number> {
  if (!/^[\w.~+/=-]+$/.test(token)) {
    console.error("The token contains invalid characters. Copy it again.");
    return EXIT.misconfigured;
  }
  const given = { CONTROL_PLANE_URL: url, AGENT_TOKEN: token };
  const read = readConfig({ ...loadEnvironment(), ...given });
  if (!read.ok) {
    console.error(`Invalid settings:\n${read.problems.map((line) => `  ${line}`).join("\n")}`);
    return EXIT.misconfigured;
  }
  const refused = await refusal(read.config);
  if (refused !== null) return refused;

  const { settingsFile, data } = agentFolders(process.env, isRoot);
  const workspace = process.env.WORKSPACE_ROOT ?? (IS_CLONE ? null : joinPath(data, "workspace"));
  await saveSettings(settingsFile, {
    ...given,
    ...(workspace === null ? {} : { WORKSPACE_ROOT: workspace }),
  });
  console.log(`Joined ${new URL(url).host}. Its address and the token are in ${settingsFile}.`);
  if (!IS_CLONE && !(await installAgent(read.config))) return EXIT.failed;

  // The installed agent checks, not this one: npx keeps what an older Node installed, without the native packages.
  console.log("");
  const passed = (await runInstalled(["doctor"], given)) === EXIT.ok;
  console.log("");
  if (passed && (await wantsService()))
    return runInstalled(["service", "install", ...(isRoot ? [] : ["--user"])]);
  console.log(`${passed ? "" : "Fix the failed checks, then s"}${passed ? "S" : ""}tart the agent:\n`);
  console.log(`  ${commandName()} start              # takes jobs until Ctrl-C`);
  console.log(`  ${commandName()} service install${isRoot ? "" : " --user"}    # or as a service`);
  return passed ? EXIT.ok : EXIT.failed;
}

/** Prints why the control plane cannot be joined. @returns the exit code; null when it accepts the token */
async function refusal(config: AgentConfig): Promise<number | null> {
  const { CONTROL_PLANE_URL: url, AGENT_TOKEN: token } = config;
  const proxies = toProxySettings(config);
  const { health, agent } = await askControlPlane(url, token, proxies);
  const checks = [judgeNetwork(url, health, proxies), judgeToken(agent)];
  if (checks.every(({ verdict }) => verdict === "ok")) return null;
  console.error(`Nothing was changed:\n${doctorText(checks)}`);
  const isRejected = agent.ok && (agent.answer.status === 401 || agent.answer.status === 403);
  return isRejected ? EXIT.unauthorized : EXIT.failed;
}

/** Installs the served agent where npm's cache cannot lose it, and a command for it. */
async function installAgent(config: AgentConfig): Promise<boolean> {
  const dispatcher = httpClient({ proxies: toProxySettings(config) });
  try {
    const served = await findServedAgent(config.CONTROL_PLANE_URL, dispatcher);
    const installed = served.ok
      ? await installVersion(config.CONTROL_PLANE_URL, served.value, dispatcher)
      : served;
    if (!installed.ok) {
      console.error(`The agent could not be installed: ${installed.error}. Fix that, and join again.`);
      return false;
    }
    await pointLink(VERSIONS.current, installed.value);
    await writeCommand();
    console.log(
      `Installed the agent in ${FOLDERS.data}${FOLDERS.bin === null ? "" : `, and ${commandPath()}`}.`,
    );
    return true;
  } finally {
    await dispatcher.destroy();
  }
}

function commandPath(): string {
  return joinPath(FOLDERS.bin ?? FOLDERS.data, "splatt-agent");
}

async function writeCommand(): Promise<void> {
  const { node, program } = installedProgram();
  const quoted = (path: string) => `'${path.replaceAll("'", "'\\''")}'`;
  const setting = process.env.SPLATT_AGENT_DIR;
  const folder = setting ? `SPLATT_AGENT_DIR=${quoted(setting)} ` : "";
  await makeFolder(joinPath(commandPath(), ".."));
  await writeFile(commandPath(), `#!/bin/sh\n${folder}exec ${quoted(node)} ${quoted(program)} "$@"\n`);
  await chmod(commandPath(), 0o755);
}

function commandName(): string {
  if (IS_CLONE) return "gpu-agent/bin/splatt-agent";
  const isOnPath = FOLDERS.bin !== null && (process.env.PATH ?? "").split(":").includes(FOLDERS.bin);
  return isOnPath ? "splatt-agent" : commandPath();
}

async function wantsService(): Promise<boolean> {
  if (process.platform !== "linux" || !process.stdin.isTTY || !process.stdout.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(
    "Install the service, which starts the agent with this machine? [y/N] ",
  );
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function runInstalled(args: readonly string[], settings: Record<string, string> = {}): Promise<number> {
  const { node, program } = installedProgram();
  const { exitCode } = await execa(node, [program, ...args], {
    stdio: "inherit",
    reject: false,
    env: settings,
  });
  return exitCode ?? EXIT.failed;
}
