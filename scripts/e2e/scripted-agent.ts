import { handshake } from "@splatt/gpu-agent/connection/handshake";
import { Heartbeat } from "@splatt/gpu-agent/connection/heartbeat";
import { Secret } from "@splatt/gpu-agent/secret";
import {
  type AgentMessage,
  type AgentOffer,
  type Fence,
  type Hello,
  type JobReport,
  PROTOCOL_VERSION,
  type ServerMessage,
} from "@splatt/shared";

const NO_REPORT: JobReport = { engine: null, capture: null, train: null, stages: [] };

export interface ScriptedAgentOptions {
  readonly url: string;
  readonly token: string;
  readonly slots: number;
  /** Called when a job has arrived and been accepted. */
  readonly onJob: (fence: Fence, agent: ScriptedAgent) => void;
}

/**
 * A fake agent that accepts jobs over a real socket, does not work on them, and sends heartbeats. One process runs a
 * thousand of them, so it parses as little of each frame as possible.
 */
export class ScriptedAgent {
  readonly #send: (message: AgentMessage) => void;
  readonly #close: () => void;
  readonly #acks = new Map<string, () => void>();
  /** A repeated assignment is the same job. */
  readonly #leases = new Set<string>();

  private constructor(send: (message: AgentMessage) => void, close: () => void) {
    this.#send = send;
    this.#close = close;
  }

  static async connect({ url, token, slots, onJob }: ScriptedAgentOptions): Promise<ScriptedAgent> {
    const hello: Hello = {
      type: "hello",
      protocol: PROTOCOL_VERSION,
      instance_id: crypto.randomUUID(),
      name: "scripted",
      version: "0.0.0",
      offer: offerOf(slots),
      held: [],
      kept: [],
    };
    const opened = await handshake(url, new Secret(token), hello, new AbortController().signal);
    if (!opened.ok) throw new Error(opened.error.reason);
    const { socket, welcome, early } = opened.value;
    const heartbeat = new Heartbeat({
      intervalMs: welcome.intervals.heartbeat_ms,
      send: (text) => socket.send(text),
      onSilence: () => socket.terminate(),
    });
    const agent = new ScriptedAgent(
      (message) => socket.send(JSON.stringify(message)),
      () => {
        heartbeat.stop();
        socket.close(1000);
      },
    );
    const onFrame = (frame: string) => {
      if (!heartbeat.noteActivity(frame)) agent.#receive(JSON.parse(frame) as ServerMessage, onJob);
    };
    socket.removeAllListeners("message");
    socket.on("message", (data) => onFrame(data.toString()));
    // Without it, whoever waits for a job would wait for ever.
    socket.on("close", (code) => {
      if (code >= 4000) throw new Error(`The control plane has closed the scripted agent's socket: ${code}`);
    });
    for (const frame of early) onFrame(frame);
    heartbeat.start();
    return agent;
  }

  report(message: AgentMessage): void {
    this.#send(message);
  }

  /** Ends a job permanently in the cheapest way. Resolves when D1 has recorded it. */
  endJob(fence: Fence, seq = 1): Promise<void> {
    return new Promise((resolve) => {
      this.#acks.set(fence.job_id, resolve);
      const detail = "The benchmark has seen it.";
      this.#send({
        type: "job.fail",
        fence,
        seq,
        code: "source_not_found",
        detail,
        log_tail: [],
        report: NO_REPORT,
      });
    });
  }

  close(): void {
    this.#close();
  }

  #receive(message: ServerMessage, onJob: ScriptedAgentOptions["onJob"]): void {
    if (message.type === "job.assign") {
      this.#send({ type: "job.accept", fence: message.fence });
      if (this.#leases.has(message.fence.lease_id)) return;
      this.#leases.add(message.fence.lease_id);
      onJob(message.fence, this);
    } else if (message.type === "ack" || message.type === "job.abandon") {
      this.#acks.get(message.fence.job_id)?.();
      this.#acks.delete(message.fence.job_id);
    }
  }
}

function offerOf(slots: number): AgentOffer {
  return {
    engines: [{ name: "builtin", usable: true, version: null, reason: "" }],
    default_engine: "builtin",
    slots,
    reason: "scripted",
    gpus: [],
  };
}
