import { rm } from "node:fs/promises";
import { basename, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type AgentConfig, readConfig } from "../config.ts";
import {
  currentFolder,
  findServedAgent,
  installVersion,
  pointLink,
  versionId,
} from "../distribution/installed-version.ts";
import { VERSIONS } from "../distribution/versions.ts";
import { IS_CLONE } from "../installation.ts";
import { httpClient } from "../network/http-client.ts";
import { toProxySettings } from "../network/proxies.ts";
import { askAgent } from "../owner/control-client.ts";
import { type Command, readArgs } from "./command.ts";
import { settingsOrComplaint } from "./environment.ts";
import { EXIT } from "./exit-codes.ts";

const POLL_MS = 500;
/** Added to the drain: handing jobs back, and the minute that a new version has to connect. */
const COME_UP_MS = 90_000;

export const update: Command = {
  usage: `Usage: splatt-agent update

Installs the agent that the control plane serves, after verifying its SHA-256. A running agent drains (DRAIN_SECONDS) and
starts again with the new version. A version that does not connect within a minute is rolled back.`,
  async run(args) {
    readArgs(args, {}, 0);
    if (IS_CLONE) {
      console.error(
        "This agent runs from a clone of the repository. Update it with git pull, then start it again.",
      );
      return EXIT.misconfigured;
    }
    const config = settingsOrComplaint(readConfig);
    return config === null ? EXIT.misconfigured : updateAgent(config);
  },
};

async function updateAgent(config: AgentConfig): Promise<number> {
  const before = await currentFolder();
  if (before === null) {
    console.error("This agent was not installed by `splatt-agent join`. Run that first.");
    return EXIT.misconfigured;
  }
  const dispatcher = httpClient({ proxies: toProxySettings(config) });
  try {
    const served = await findServedAgent(config.CONTROL_PLANE_URL, dispatcher);
    if (served.ok && versionId(served.value) === basename(before)) {
      console.log(`This is what the control plane serves: ${served.value.version}.`);
      return EXIT.ok;
    }
    const installed = served.ok
      ? await installVersion(config.CONTROL_PLANE_URL, served.value, dispatcher)
      : served;
    if (!installed.ok) {
      console.error(`Nothing was changed: ${installed.error}.`);
      return EXIT.failed;
    }
    return await switchTo(installed.value, config);
  } finally {
    await dispatcher.destroy();
  }
}

async function switchTo(folder: string, config: AgentConfig): Promise<number> {
  const running = await askAgent(config.WORKSPACE_ROOT, (agent) => agent.status());
  if (running === null) {
    await pointLink(VERSIONS.current, folder);
    console.log(`Installed ${basename(folder)}. No agent is running here; the next one runs it.`);
    return EXIT.ok;
  }
  if (!running.ok || !running.value.supervised) {
    console.error(
      running.ok
        ? "The running agent was not started from its installation. Stop it, run the update again, then start it."
        : running.error,
    );
    return EXIT.failed;
  }
  await pointLink(VERSIONS.next, folder);
  const asked = await askAgent(config.WORKSPACE_ROOT, (agent) => agent.restart());
  console.log("The agent drains, and then starts again.");
  const isUp = asked?.ok === true && (await comesUp(folder, running.value.pid, config));
  if (isUp) await pointLink(VERSIONS.current, folder);
  await rm(VERSIONS.next, { force: true });
  if (isUp) {
    console.log(`Updated to ${basename(folder)}.`);
    return EXIT.ok;
  }
  console.error("The new version did not connect within a minute. The previous one runs again.");
  return EXIT.failed;
}

/** Waits until the new version is connected, or the previous one runs again. */
async function comesUp(folder: string, previousPid: number, config: AgentConfig): Promise<boolean> {
  const deadline = performance.now() + config.DRAIN_SECONDS * 1000 + COME_UP_MS;
  while (performance.now() < deadline) {
    const status = await askAgent(config.WORKSPACE_ROOT, (agent) => agent.status());
    if (status?.ok && status.value.pid !== previousPid) {
      const isNew = status.value.program.startsWith(`${folder}${sep}`);
      if (!isNew || status.value.connected) return isNew;
    }
    await sleep(POLL_MS);
  }
  return false;
}
