import type { EngineChoice } from "@splatt/shared";
import type { AgentIdentity } from "../agents/tokens.ts";
import type { WaitingJob } from "./queue.ts";

/** The header in which the Worker tells the Dispatcher whose socket it hands over. */
export const IDENTITY_HEADER = "x-splatt-agent";

/** Percent-encoded, because a name may have characters that a header cannot hold, and the runtime logs such headers. */
export function encodeIdentity(agent: AgentIdentity): string {
  return encodeURIComponent(JSON.stringify(agent));
}

export function decodeIdentity(header: string): AgentIdentity {
  // An older version of the Worker sends it as it is.
  return JSON.parse(header.startsWith("{") ? header : decodeURIComponent(header)) as AgentIdentity;
}

/** The Dispatcher's methods, as the Worker calls them. */
export interface DispatcherApi extends Rpc.DurableObjectBranded {
  /** A job of this pool was created. @param job absent when an older version of the Worker calls */
  jobQueued(choice: EngineChoice, job?: WaitingJob): Promise<void>;
  /** Jobs of this pool were cancelled in D1: notifies their agents. */
  jobsCancelled(jobIds: readonly string[]): Promise<void>;
  /** Jobs were deleted: tells agents to remove their files. */
  jobsDeleted(jobIds: readonly string[]): void;
  /** An API key was revoked: its watchers are closed. */
  keyRevoked(keyId: string): void;
  /** @returns false when the agent is not connected */
  drainAgent(agentId: string, deadlineMs: number): boolean;
  /** The agent's `doctor` passed: its quarantine ends. @returns whether it had one; null: ask again */
  releaseAgent(agentId: string): Promise<boolean | null>;
  /** An agent was deleted: its socket is closed and its jobs are requeued. */
  agentDeleted(agentId: string): Promise<void>;
  /** Called once a minute: finds whatever was missed. */
  tick(): Promise<void>;
}
