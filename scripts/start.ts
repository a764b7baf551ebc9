import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startControlPlane } from "@splatt/control-plane/embedded";
import { AgentProcess } from "@splatt/local/agent-process";
import { localEngine, portInUse, ROOT } from "@splatt/local/local-machine";
import { makePrivateFolder, saveNewApiKey } from "@splatt/local/private-files";
import { scriptOptions } from "@splatt/local/script-options";
import { readStartSettings } from "@splatt/local/start-settings";
import { formatWorkerLog } from "@splatt/local/worker-log";
import { errorText, readSourcePolicy } from "@splatt/shared";
import { folderProblem } from "@splatt/shared/folders";
import { Splatt } from "splatt";

const USAGE = `Usage: npm start

Runs the control plane and an agent on this machine until Ctrl-C. Data and key survive restarts. It has no options:
its settings are variables of the environment, or lines in .env. .env.example describes all.

  PORT          8080
  DATA_DIR      folder of videos, results and the database (.splatt)
  GPU_API_KEY   key of the API; made at the first start`;

const ENV_FILE = join(ROOT, ".env");
const RESTART_DELAY_MS = 3000;
/** Exit codes after which a restart cannot help; see docs/agent.md. */
const FINAL_EXITS: readonly (number | null)[] = [0, 2, 3, 4, 5];

async function main(): Promise<number> {
  scriptOptions(USAGE, {});
  // Videos, keys and tokens must not be readable by other users of the machine.
  process.umask(0o077);
  const isKeyInEnvironment = Boolean(process.env.GPU_API_KEY);
  try {
    process.loadEnvFile(ENV_FILE);
  } catch {
    // No .env yet; the first start creates it.
  }
  const read = readStartSettings(process.env);
  if (!read.ok) {
    for (const problem of read.problems) console.error(problem);
    console.error(`Correct the environment or ${ENV_FILE}, then start again.`);
    return 2;
  }
  const { port, dataDir: data, trustedProxies, variables, warnings } = read.settings;
  for (const warning of warnings) console.error(warning);
  if (await portInUse(port)) {
    console.error(
      `Port ${port} is in use. Stop the program that uses it, or choose another port: PORT=8081 npm start`,
    );
    return 1;
  }
  try {
    await makePrivateFolder(data);
  } catch (error) {
    const problem = folderProblem(error) ?? errorText(error);
    console.error(`The data folder ${data} cannot be used: ${problem}. Set DATA_DIR to another folder.`);
    return 2;
  }
  const apiKey = read.settings.apiKey ?? (await saveNewApiKey(ENV_FILE));
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort());

  const controlPlane = await startControlPlane({
    dataDir: join(data, "control-plane"),
    port,
    apiKey,
    trustedProxies,
    variables,
    sources: readSourcePolicy(process.env),
    stopping: stopping.signal,
    onLog: (_level, text) => console.log(formatWorkerLog(text)),
  });
  const isNew = read.settings.apiKey === null;
  const keptIn = isKeyInEnvironment ? "GPU_API_KEY in the environment" : `GPU_API_KEY in ${ENV_FILE}`;
  console.log(`\n  Splatt is ready:  ${controlPlane.url}  (open it in a browser, and sign in with the key)`);
  console.log(`  X-API-Key:        ${isNew ? `${apiKey} (shown only once; saved as ${keptIn})` : keptIn}`);
  console.log("\n  Press Ctrl-C to stop.\n");
  try {
    const client = new Splatt({ url: controlPlane.url, apiKey: apiKey });
    const token = await ensureAgentToken(client, controlPlane.url, data);
    await keepAgentRunning(controlPlane.url, token, join(data, "workspace"), stopping.signal);
  } finally {
    await controlPlane.stop();
  }
  console.log(`Stopped. The data is in ${data}; the next npm start uses it again.`);
  return 0;
}

async function keepAgentRunning(
  url: string,
  token: string,
  workspace: string,
  stopping: AbortSignal,
): Promise<void> {
  const stopped = new Promise<"stopped">((resolve) => {
    stopping.addEventListener("abort", () => resolve("stopped"));
    if (stopping.aborted) resolve("stopped");
  });
  while (!stopping.aborted) {
    const agent = new AgentProcess({
      controlPlane: url,
      token,
      workspace,
      settings: { ENGINE: localEngine(process.env) },
      onLine: (line) => console.log(line),
    });
    const exit = await Promise.race([agent.exited, stopped]);
    if (exit === "stopped") return agent.stop();
    if (stopping.aborted) return;
    if (FINAL_EXITS.includes(exit)) {
      console.error(
        `The agent exited with code ${exit} and will not be restarted; the API stays up. Restart npm start for jobs to run.`,
      );
      await stopped;
      return;
    }
    console.error(`The agent exited with ${exit === null ? "a signal" : `code ${exit}`}; restarting it.`);
    await sleep(RESTART_DELAY_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/** The token of the local agent: created once, and again when the control plane no longer accepts it. */
async function ensureAgentToken(client: Splatt, url: string, data: string): Promise<string> {
  const path = join(data, "agent-token");
  const saved = await readFile(path, "utf8").catch(() => null);
  if (saved !== null && (await isValid(saved, url))) return saved;
  const { token } = await client.createAgent({ name: "local" });
  await writeFile(path, token, { mode: 0o600 });
  return token;
}

/** A request without an upgrade gets 426 for a valid token, and 401 otherwise. */
async function isValid(token: string, url: string): Promise<boolean> {
  const response = await fetch(new URL("/agent", url), { headers: { authorization: `Bearer ${token}` } });
  return response.status !== 401;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`Splatt could not start: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
