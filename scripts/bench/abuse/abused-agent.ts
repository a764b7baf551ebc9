import { marked } from "@splatt/e2e/marked-processes";
import { DiskUsage } from "@splatt/gpu-agent/files/disk-usage";
import { AgentProcess } from "@splatt/local/agent-process";
import { residentMemory } from "../control-plane/bench-stack.ts";

const SETTINGS = {
  ENGINE: "builtin",
  THREADS: "1",
  ALLOW_HTTP: "true",
  ALLOW_HOSTS: "127.0.0.1",
  MAX_SOURCE_BYTES: "64MiB",
  KEEP_JOBS: "3",
};

/** An agent that works while it and its control plane are attacked. */
export class AbusedAgent {
  readonly #process: AgentProcess;
  readonly #workspace: string;

  private constructor(agent: AgentProcess, workspace: string) {
    this.#process = agent;
    this.#workspace = workspace;
  }

  /** Resolves when the agent is connected. */
  static async start(options: {
    controlPlane: string;
    token: string;
    workspace: string;
  }): Promise<AbusedAgent> {
    const connected = Promise.withResolvers<void>();
    const agent = new AgentProcess({
      ...options,
      settings: SETTINGS,
      onLine: (line) => {
        if (line.includes("connected to ")) connected.resolve();
      },
    });
    void agent.exited.then((code) => connected.reject(new Error(`the agent exited with ${code}`)));
    await connected.promise;
    return new AbusedAgent(agent, options.workspace);
  }

  /** Bytes in the memory of the agent and of the tools that it runs, and in its workspace. */
  async usage(): Promise<{ memory: number; toolMemory: number; diskBytes: number }> {
    const tools = await marked(this.#workspace);
    // Tools come and go meanwhile.
    const sizes = await Promise.all(tools.map(({ pid }) => residentMemory(pid).catch(() => 0)));
    return {
      memory: await residentMemory(this.#process.pid ?? 0),
      toolMemory: sizes.reduce((sum, bytes) => sum + bytes, 0),
      diskBytes: await new DiskUsage().of(this.#workspace),
    };
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
