import { err, errorText, ok, type Result } from "@splatt/shared";
import { Agent as HttpAgent, request } from "undici";
import type { z } from "zod";
import { Workspace } from "../jobs/workspace.ts";
import {
  AgentStatus,
  controlSocketPath,
  GcReport,
  type GcRequest,
  type PauseRequest,
} from "./control-protocol.ts";

/**
 * Sends a request to the agent that runs in a workspace.
 *
 * @returns its answer, or why it did not answer; null when no agent runs there
 */
export async function askAgent<T>(
  workspaceRoot: string,
  question: (agent: AgentControl) => Promise<Result<T, string>>,
): Promise<Result<T, string> | null> {
  if ((await new Workspace(workspaceRoot).holder()) === null) return null;
  const control = new AgentControl(workspaceRoot);
  const answer = await question(control);
  await control.close();
  return answer.ok ? answer : err(`An agent runs in ${workspaceRoot}, but does not answer: ${answer.error}`);
}

/** The command line's client for a running agent. */
export class AgentControl {
  readonly #socket: HttpAgent;

  constructor(workspaceRoot: string) {
    this.#socket = new HttpAgent({ connect: { socketPath: controlSocketPath(workspaceRoot) } });
  }

  status(): Promise<Result<AgentStatus, string>> {
    return this.#call("GET", "/status", undefined, AgentStatus);
  }

  pause(body: z.infer<typeof PauseRequest>): Promise<Result<AgentStatus, string>> {
    return this.#call("POST", "/pause", body, AgentStatus);
  }

  resume(): Promise<Result<AgentStatus, string>> {
    return this.#call("POST", "/resume", {}, AgentStatus);
  }

  /** Asks the agent to drain and to start again. */
  restart(): Promise<Result<AgentStatus, string>> {
    return this.#call("POST", "/restart", {}, AgentStatus);
  }

  gc(body: z.infer<typeof GcRequest>): Promise<Result<z.infer<typeof GcReport>, string>> {
    return this.#call("POST", "/gc", body, GcReport);
  }

  async close(): Promise<void> {
    await this.#socket.close();
  }

  async #call<T extends z.ZodType>(
    method: "GET" | "POST",
    path: string,
    body: unknown,
    schema: T,
  ): Promise<Result<z.infer<T>, string>> {
    try {
      const response = await request(`http://agent${path}`, {
        method,
        dispatcher: this.#socket,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const answer: unknown = await response.body.json();
      if (response.statusCode === 200) return ok(schema.parse(answer));
      return err(JSON.stringify(answer));
    } catch (error) {
      return err(errorText(error));
    }
  }
}
