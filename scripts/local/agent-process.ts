import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const MAIN = createRequire(import.meta.url).resolve("@splatt/gpu-agent/main");
const STOP_TIMEOUT_MS = 15_000;

export interface AgentProcessOptions {
  readonly controlPlane: string;
  readonly token: string;
  readonly workspace: string;
  /** More settings by their names in gpu-agent/src/config.ts. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
  /** The program to run instead of this repository's agent. */
  readonly program?: string;
}

/** An agent in a separate process, connected over WebSocket like one on another machine. */
export class AgentProcess {
  readonly #child: ChildProcess;
  /** Resolves with the exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>;

  constructor(options: AgentProcessOptions) {
    // In a separate process group, so that Ctrl-C reaches it only once, through `stop()`. The IPC channel closes when
    // this process ends in any way.
    this.#child = spawn(process.execPath, [options.program ?? MAIN], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: {
        ...process.env,
        // Its control plane is about to stop too, so unfinished jobs are handed back immediately.
        DRAIN_SECONDS: "0",
        ...options.settings,
        CONTROL_PLANE_URL: options.controlPlane,
        AGENT_TOKEN: options.token,
        WORKSPACE_ROOT: options.workspace,
      },
    });
    this.exited = once(this.#child, "exit").then(([code]) => code as number | null);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", options.onLine);
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks the agent to stop, and kills it if it does not. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await this.exited;
    clearTimeout(timer);
  }
}
