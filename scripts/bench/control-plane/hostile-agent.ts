import { setTimeout as sleep } from "node:timers/promises";
import { handshake } from "@splatt/gpu-agent/connection/handshake";
import { Secret } from "@splatt/gpu-agent/secret";
import { type AgentMessage, type Hello, PROTOCOL_VERSION } from "@splatt/shared";

const FRAMES_AT_ONCE = 200;

const HELLO: Hello = {
  type: "hello",
  protocol: PROTOCOL_VERSION,
  instance_id: crypto.randomUUID(),
  name: "hostile",
  version: "0.0.0",
  offer: { engines: [], default_engine: null, slots: 0, reason: "hostile", gpus: [] },
  held: [],
  kept: [],
};

const HELD: Extract<AgentMessage, { type: "job.held" }> = {
  type: "job.held",
  jobs: Array.from({ length: 64 }, () => ({ fence: fence(), status: "training", seconds_since_output: 0 })),
};

/** Frames that an agent with a valid token may send, and that cost the control plane most. */
export const HOSTILE_FRAMES = {
  held: HELD,
  stage: {
    type: "job.stage",
    fence: fence(),
    seq: 1,
    status: "training",
    progress: 1,
    message: "x".repeat(2000),
  },
  hello: {
    ...HELLO,
    held: HELD.jobs.map((job) => ({ fence: job.fence, status: job.status, progress: 1, message: "" })),
  },
} as const satisfies Record<string, AgentMessage>;

function fence() {
  return { job_id: crypto.randomUUID(), attempt: 1, lease_id: crypto.randomUUID() };
}

/**
 * Sends frames as fast as possible until the signal aborts, and reconnects immediately after each disconnect.
 *
 * @returns the number of disconnects
 */
export async function floodAsAgent(
  url: string,
  token: string,
  message: AgentMessage,
  signal: AbortSignal,
): Promise<number> {
  const frame = JSON.stringify(message);
  let disconnects = 0;
  while (!signal.aborted) {
    const opened = await handshake(url, new Secret(token), HELLO, signal);
    if (!opened.ok) {
      await sleep(20);
      continue;
    }
    const { socket } = opened.value;
    while (!signal.aborted && socket.readyState === socket.OPEN) {
      for (let sent = 0; sent < FRAMES_AT_ONCE; sent++) socket.send(frame);
      await sleep(10);
    }
    socket.terminate();
    disconnects += 1;
  }
  return disconnects;
}
