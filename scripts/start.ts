import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startControlPlane } from "@splatt/control-plane/embedded";
import { AgentProcess } from "@splatt/local/agent-process";
import { dataDir, localEngine, portInUse, ROOT } from "@splatt/local/local-machine";
import { formatWorkerLog } from "@splatt/local/worker-log";
import { readSourcePolicy } from "@splatt/shared";
import { SplattClient } from "splatt";

/** `npm start`: control plane and agent on this machine until Ctrl-C. Data and key survive restarts. */

const DEFAULT_PORT = 8080;
const RESTART_DELAY_MS = 3000;
/** Exit codes of the agent with which starting it again changes nothing; see docs/agent.md. */
const FINAL_EXITS: readonly (number | null)[] = [0, 2, 3, 4, 5];

async function main(): Promise<number> {
  try {
    process.loadEnvFile(join(ROOT, ".env"));
  } catch {
    // No .env yet; the first start makes one.
  }
  const port = Number(process.env.PORT ?? DEFAULT_PORT);
  if (await portInUse(port)) {
    console.error(`Port ${port} is in use. Stop what runs there, or choose another: PORT=8081 npm start`);
    return 1;
  }
  const data = dataDir(process.env);
  const apiKey = await ensureApiKey();
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort());

  const controlPlane = await startControlPlane({
    dataDir: join(data, "control-plane"),
    port,
    apiKey,
    sources: readSourcePolicy(process.env),
    onLog: (_level, text) => console.log(formatWorkerLog(text)),
  });
  console.log(
    `\n  Splatt is ready:  ${controlPlane.url}\n  X-API-Key:        ${apiKey}\n\n  Ctrl-C stops it.\n`,
  );
  try {
    const client = new SplattClient(controlPlane.url, apiKey);
    const token = await ensureAgentToken(client, controlPlane.url, data);
    await keepAgentRunning(controlPlane.url, token, join(data, "workspace"), stopping.signal);
  } finally {
    await controlPlane.stop();
  }
  console.log(`Stopped. The data is in ${data}; npm start goes on with it.`);
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
      console.error(`The agent ended with code ${exit} and is not started again; the API stays up.`);
      await stopped;
      return;
    }
    console.error(`The agent ended with ${exit ?? "a signal"}; starting it again.`);
    await sleep(RESTART_DELAY_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/** The key from the environment or .env; on the first start one is made and saved in .env. */
async function ensureApiKey(): Promise<string> {
  const given = process.env.GPU_API_KEY;
  if (given) return given;
  const path = join(ROOT, ".env");
  const lines = (await readFile(path, "utf8").catch(() => "")).split("\n");
  const others = lines.filter((line) => line !== "" && !/^\s*GPU_API_KEY\s*=/.test(line));
  const made = randomBytes(24).toString("base64url");
  await writeFile(path, `${[...others, `GPU_API_KEY=${made}`].join("\n")}\n`, { mode: 0o600 });
  return made;
}

/** The token of the local agent: minted once, and again when the control plane does not know it any more. */
async function ensureAgentToken(client: SplattClient, url: string, data: string): Promise<string> {
  const path = join(data, "agent-token");
  const saved = await readFile(path, "utf8").catch(() => null);
  if (saved !== null && (await isValid(saved, url))) return saved;
  const { token } = await client.createAgent("local");
  await mkdir(data, { recursive: true });
  await writeFile(path, token, { mode: 0o600 });
  return token;
}

/** A request that is no upgrade is answered 426 for a good token, and 401 for any other. */
async function isValid(token: string, url: string): Promise<boolean> {
  const response = await fetch(new URL("/agent", url), { headers: { authorization: `Bearer ${token}` } });
  return response.status !== 401;
}

process.exitCode = await main();
