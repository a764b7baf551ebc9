import { buildVersion, errorText, FAILURES, failure, failureSentence } from "@splatt/shared";
import { Agent } from "../agent.ts";
import { type AgentConfig, readConfig } from "../config.ts";
import type { StopReason } from "../connection/handshake.ts";
import { ControlPlaneClient } from "../control-plane-client.ts";
import { findServedAgent } from "../distribution/installed-version.ts";
import { isSupervised, needsSupervisor, reportConnected, supervise } from "../distribution/supervise.ts";
import { VERSIONS } from "../distribution/versions.ts";
import { tryFolder } from "../files/folder-trial.ts";
import { createPrivateFilesOnly, makeFolderPrivate } from "../files/private-folder.ts";
import { GpuHost } from "../gpu-host.ts";
import { IS_CLONE, PACKAGE_DIR, RUNNING_VERSION } from "../installation.ts";
import { Workspace } from "../jobs/workspace.ts";
import { createLogger } from "../log.ts";
import { httpClient } from "../network/http-client.ts";
import { toProxySettings } from "../network/proxies.ts";
import { serveOwner } from "../owner/control-server.ts";
import { PauseFile } from "../owner/pause.ts";
import { controlPlaneDelivery } from "../pipeline/control-plane-delivery.ts";
import { createPipeline } from "../pipeline/pipeline.ts";
import { killOrphans, markChildren } from "../processes/orphans.ts";
import { sentence, workspaceFailure } from "../processes/system-failure.ts";
import { type Command, readArgs } from "./command.ts";
import { settingsOrComplaint } from "./environment.ts";
import { EXIT } from "./exit-codes.ts";

const STOP_EXIT: { readonly [reason in StopReason]: number } = {
  replaced: EXIT.replaced,
  unauthorized: EXIT.unauthorized,
  incompatible: EXIT.incompatible,
};

export const start: Command = {
  usage: `Usage: splatt-agent start

Connects to CONTROL_PLANE_URL and works on jobs until a signal stops it. The first signal gives running jobs
DRAIN_SECONDS to finish; the second stops immediately. Settings come from the environment and from .env in the
project's folder; docs/agent.md lists them.`,
  async run(args) {
    readArgs(args, {}, 0);
    if (needsSupervisor()) return supervise(VERSIONS);
    const config = settingsOrComplaint(readConfig);
    return config === null ? EXIT.misconfigured : runAgent(config);
  },
};

async function runAgent(config: AgentConfig): Promise<number> {
  const startedAt = new Date().toISOString();
  const log = createLogger({ level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  createPrivateFilesOnly();
  const workspace = new Workspace(config.WORKSPACE_ROOT);
  const locked = await workspace.lock().catch((error: unknown) => workspaceFailure(error));
  if (locked === false) {
    log.error(`another agent uses ${workspace.root}: choose another WORKSPACE_ROOT for this one`);
    return EXIT.misconfigured;
  }
  if (locked !== true) {
    // Not `misconfigured`: the service manager must retry, because a full or unmounted disk can recover.
    log.error(`${failureSentence(locked)} ${FAILURES[locked.code].hint}`);
    return EXIT.failed;
  }
  const trial = await tryFolder(workspace.root);
  if (trial.problem !== null) {
    log.error(
      `${failureSentence(failure("workspace_unusable", sentence(trial.problem)))} ${FAILURES.workspace_unusable.hint}`,
    );
    await workspace.unlock().catch(() => undefined);
    return EXIT.failed;
  }
  await makeFolderPrivate(workspace.root).catch((error: unknown) => {
    log.warn(`other users can still read ${workspace.root}: ${errorText(error)}`);
  });
  markChildren(workspace.root);
  const orphans = killOrphans(workspace.root);
  if (orphans > 0) log.warn(`killed the processes that a killed agent left behind: ${orphans}`);

  const host = await GpuHost.setUp(config, log);
  const proxies = toProxySettings(config);
  const client = new ControlPlaneClient({
    controlPlane: config.CONTROL_PLANE_URL,
    token: config.AGENT_TOKEN,
    proxies,
    log,
  });
  const agent = new Agent({
    controlPlane: config.CONTROL_PLANE_URL,
    token: config.AGENT_TOKEN,
    proxies,
    name: config.AGENT_NAME,
    version: RUNNING_VERSION,
    host,
    minFreeGpuBytes: config.MIN_FREE_GPU_BYTES,
    workspace,
    pauseFile: new PauseFile(workspace.root),
    pipeline: createPipeline(host, controlPlaneDelivery(client)),
    retention: { keepJobs: config.KEEP_JOBS, maxBytes: config.WORKSPACE_MAX_BYTES },
    drainMs: config.DRAIN_SECONDS * 1000,
    diskPatienceMs: config.DISK_PATIENCE_SECONDS * 1000,
    log,
    // A clone is updated with git.
    ...(IS_CLONE ? {} : { servedVersion: () => servedVersion(config) }),
    onConnected: (welcome) => {
      client.noteWelcome(welcome);
      reportConnected();
    },
  });
  let restarts = false;
  const stopServing = await serveOwner(workspace.root, {
    status: () => ({
      ...agent.status,
      pid: process.pid,
      version: RUNNING_VERSION,
      started_at: startedAt,
      control_plane: config.CONTROL_PLANE_URL,
      program: PACKAGE_DIR,
      supervised: isSupervised(),
    }),
    pause: ({ reason, now }) => agent.pause({ since: new Date().toISOString(), reason }, now),
    resume: () => agent.resume(),
    restart: () => {
      if (!isSupervised()) throw new Error("This agent was not started from an installation by join.");
      restarts = true;
      agent.stop();
    },
    gc: ({ dry_run, keep_jobs, max_bytes }) =>
      agent.gc({ keepJobs: keep_jobs, maxBytes: max_bytes }, dry_run),
  });
  stopOnSignals(() => {
    log.info("stopping; a second signal stops immediately");
    agent.stop();
  });
  const end = await agent.run();
  await stopServing();
  await workspace.unlock();
  if (end.exit === "closed") {
    log.info(restarts ? "starting again" : "stopped");
    return restarts ? EXIT.restart : EXIT.ok;
  }
  log.error(`stopped, will not reconnect: ${end.reason}`);
  return STOP_EXIT[end.exit];
}

/** The first signal drains, the second exits immediately. A launcher that disconnects counts as a signal. */
function stopOnSignals(stop: () => void): void {
  let asked = false;
  const onSignal = () => {
    if (asked) process.exit(EXIT.failed);
    asked = true;
    stop();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  process.on("disconnect", onSignal);
  // The listener on the launcher's channel must not keep a stopped agent alive.
  process.channel?.unref();
}

/** Which version and build the control plane serves; null when it does not say. */
async function servedVersion(config: AgentConfig): Promise<string | null> {
  const dispatcher = httpClient({ proxies: toProxySettings(config) });
  try {
    const served = await findServedAgent(config.CONTROL_PLANE_URL, dispatcher);
    return served.ok ? buildVersion(served.value) : null;
  } finally {
    await dispatcher.destroy();
  }
}
