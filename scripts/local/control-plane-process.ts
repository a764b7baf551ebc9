import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { EmbeddedOptions } from "@splatt/control-plane/embedded";

const MAIN = join(import.meta.dirname, "control-plane-main.ts");

/** The embedded control plane in a separate process, so that it can be killed and restarted on its data. */
export class ControlPlaneProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #dataDir: string;

  private constructor(url: string, child: ChildProcess, dataDir: string) {
    this.url = url;
    this.#child = child;
    this.#dataDir = dataDir;
  }

  static async start(
    options: Omit<EmbeddedOptions, "onLog" | "port">,
    onLine: (line: string) => void,
  ): Promise<ControlPlaneProcess> {
    const child = spawn(process.execPath, [MAIN, JSON.stringify({ ...options, port: 0 })], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ready = new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const url = line.match(/^listening on (\S+)$/)?.[1];
        if (url === undefined) onLine(line);
        else resolve(url);
      });
      child.once("exit", (code) => reject(new Error(`the control plane exited with ${code}`)));
    });
    return new ControlPlaneProcess(await ready, child, options.dataDir);
  }

  /** The launcher and its children: the runtime, and the process that sends large files. */
  async pids(): Promise<number[]> {
    const { pid } = this.#child;
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    return [pid ?? 0, ...children.split(" ").filter(Boolean).map(Number)];
  }

  /** SIGKILL to workerd and its launcher, as in a power loss. */
  async kill(): Promise<void> {
    const exited = once(this.#child, "exit");
    await this.killRuntime();
    this.#child.kill("SIGKILL");
    await exited;
  }

  /** SIGKILL to workerd alone, as by the OOM killer. */
  async killRuntime(): Promise<void> {
    for (const pid of await this.#runtimePids()) process.kill(pid, "SIGKILL");
  }

  async #runtimePids(): Promise<number[]> {
    const noted = await readFile(join(this.#dataDir, "runtime.json"), "utf8");
    return (JSON.parse(noted) as { pid: number }[]).map(({ pid }) => pid);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exited;
  }
}
