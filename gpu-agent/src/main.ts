import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Agent } from "./agent.ts";
import { type AgentConfig, readConfig } from "./config.ts";
import type { StopReason } from "./connection/handshake.ts";
import { setUpEngines } from "./engines/set-up.ts";
import { WORKSPACE_MARK, Workspace } from "./jobs/workspace.ts";
import { createLogger } from "./log.ts";
import { createPipeline } from "./pipeline/pipeline.ts";

/** docs/agent.md tells what each exit code means; the systemd unit restarts after none but 1. */
const EXIT = { ok: 0, crashed: 1, misconfigured: 2, replaced: 3, unauthorized: 4, incompatible: 5 } as const;

const STOP_EXIT: { readonly [reason in StopReason]: number } = {
  replaced: EXIT.replaced,
  unauthorized: EXIT.unauthorized,
  incompatible: EXIT.incompatible,
};

async function main(): Promise<number> {
  try {
    process.loadEnvFile();
  } catch {
    // There is no .env: the environment alone decides.
  }
  const read = readConfig(process.env);
  if (!read.ok) {
    console.error(
      `The agent's settings are not complete:\n${read.problems.map((line) => `  ${line}`).join("\n")}`,
    );
    return EXIT.misconfigured;
  }
  return runAgent(read.config);
}

async function runAgent(config: AgentConfig): Promise<number> {
  const log = createLogger({ level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const workspace = new Workspace(config.WORKSPACE_ROOT);
  if (!(await workspace.lock())) {
    log.error(`another agent works in ${workspace.root}; give this one a WORKSPACE_ROOT of its own`);
    return EXIT.misconfigured;
  }
  process.env[WORKSPACE_MARK] = workspace.root;
  const orphans = await workspace.killOrphans();
  if (orphans > 0) log.warn(`ended ${orphans} processes that a killed agent had left behind`);

  const { engines, offer } = await setUpEngines(config, log);
  const agent = new Agent({
    controlPlane: config.CONTROL_PLANE_URL,
    token: config.AGENT_TOKEN,
    name: config.AGENT_NAME,
    version: await packageVersion(),
    offer,
    workspace,
    pipeline: createPipeline(config, engines, offer, log),
    keepJobs: config.KEEP_JOBS,
    drainMs: config.DRAIN_SECONDS * 1000,
    log,
  });
  stopOnSignals(() => {
    log.info("stopping; a second signal stops at once");
    agent.stop();
  });
  const end = await agent.run();
  await workspace.unlock();
  if (end.exit === "closed") {
    log.info("stopped");
    return EXIT.ok;
  }
  log.error(`stopped for good: ${end.reason}`);
  return STOP_EXIT[end.exit];
}

/** The first signal stops in order, the second at once. A launcher that is gone counts as a signal. */
function stopOnSignals(stop: () => void): void {
  let asked = false;
  const onSignal = () => {
    if (asked) process.exit(EXIT.crashed);
    asked = true;
    stop();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  process.on("disconnect", onSignal);
  // Listening to the launcher's channel must not keep a stopped agent alive.
  process.channel?.unref();
}

async function packageVersion(): Promise<string> {
  const text = await readFile(join(import.meta.dirname, "..", "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

process.exitCode = await main();
