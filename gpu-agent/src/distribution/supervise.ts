import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { EXIT } from "../cli/exit-codes.ts";
import { IS_CLONE } from "../installation.ts";
import { programIn, VERSIONS } from "./versions.ts";

const SUPERVISED = "SPLATT_AGENT_SUPERVISED";
/** How long a new version may take until it is connected. */
const TRIAL_MS = 60_000;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export function isSupervised(): boolean {
  return process.env[SUPERVISED] === "1";
}

/** Whether this process should start the installed agent rather than be it. */
export function needsSupervisor(): boolean {
  return !IS_CLONE && !isSupervised() && existsSync(VERSIONS.current);
}

/** Tells the supervisor, if there is one, that the control plane has accepted this version. */
export function reportConnected(): void {
  if (isSupervised()) process.send?.("connected");
}

/**
 * Runs the installed agent and starts it again when it asks for that, in a new version where the link `next` names one.
 * A new version that is not connected in time is killed, and the version in use runs again. The supervisor changes no
 * links, because a service may not write to its programs: `update` does.
 *
 * @returns the agent's exit code
 */
export async function supervise(
  links: { readonly current: string; readonly next: string },
  trialMs = TRIAL_MS,
): Promise<number> {
  const failed = new Set<string>();
  let child: ChildProcess | null = null;
  let isStopping = false;
  // The child has a separate process group, so that Ctrl-C reaches it once, from here.
  const forward = (signal: NodeJS.Signals) => {
    isStopping = true;
    child?.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, forward);
  try {
    for (;;) {
      const next = await realpath(links.next).catch(() => null);
      const isTrial = next !== null && !failed.has(next);
      const folder = isTrial ? next : await realpath(links.current);
      // Between two agents, a signal reaches none.
      if (isStopping) return EXIT.ok;
      child = spawn(process.execPath, [programIn(folder), "start"], {
        detached: true,
        stdio: ["inherit", "inherit", "inherit", "ipc"],
        env: { ...process.env, [SUPERVISED]: "1" },
      });
      const { code, wasConnected } = await untilExit(child, isTrial ? trialMs : null);
      if (isStopping) return code;
      if (isTrial && !wasConnected) {
        console.error("The new version did not connect; starting the previous one again.");
        failed.add(next);
        continue;
      }
      if (code !== EXIT.restart) return code;
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, forward);
  }
}

/** @param trialMs kills the process unless it connects within this time; null for no limit */
async function untilExit(
  child: ChildProcess,
  trialMs: number | null,
): Promise<{ code: number; wasConnected: boolean }> {
  let wasConnected = false;
  const timer = trialMs === null ? undefined : setTimeout(() => child.kill("SIGKILL"), trialMs);
  child.on("message", () => {
    wasConnected = true;
    clearTimeout(timer);
  });
  // A program that cannot be started at all ends with an error and no exit.
  const [code] = await once(child, "exit").catch(() => []);
  clearTimeout(timer);
  return { code: typeof code === "number" ? code : EXIT.failed, wasConnected };
}
