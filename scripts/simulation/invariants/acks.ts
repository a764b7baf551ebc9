import { type AgentMessage, type Fence, isTerminal, JOB_STATUSES, type JobStatus } from "@splatt/shared";
import type { SqliteFile } from "../fakes/d1.ts";
import type { Finding } from "./jobs.ts";

interface Row {
  readonly status: JobStatus;
  readonly lease_id: string | null;
  readonly last_seq: number;
}

interface Sent {
  readonly message: AgentMessage;
  /** Whether the job was the sender's, under the message's lease, when it arrived. */
  readonly wasHeld: boolean;
}

/**
 * An ack that leaves the Dispatcher says that D1 has what was reported. Looks at every frame on its way, because an
 * ack that came too early does its harm only when something else goes wrong too.
 */
export class AcksFollowWrites {
  readonly #d1: SqliteFile;
  /**
   * What the agents have sent, by lease and number. After a power cut an agent may number another message like one
   * that is still on its way.
   */
  readonly #sent = new Map<string, Sent[]>();

  constructor(d1: SqliteFile) {
    this.#d1 = d1;
  }

  onAgentFrame(frame: string): void {
    if (!frame.includes('"seq":')) return;
    const message = JSON.parse(frame) as AgentMessage;
    if (!("seq" in message)) return;
    const key = keyOf(message.fence, message.seq);
    const wasHeld = this.#row(message.fence)?.lease_id === message.fence.lease_id;
    this.#sent.set(key, [...(this.#sent.get(key) ?? []), { message, wasHeld }]);
  }

  onHubFrame(frame: string): Finding {
    if (!frame.startsWith('{"type":"ack"')) return null;
    const { fence, seq } = JSON.parse(frame) as { fence: Fence; seq: number };
    const row = this.#row(fence);
    if (row === undefined) return null;
    const sent = this.#sent.get(keyOf(fence, seq)) ?? [];
    const wasHeld = sent.some((one) => one.wasHeld);
    const messages = sent.length === 0 ? [undefined] : sent.map(({ message }) => message);
    const findings = messages.map((message) => whatIsWrong({ fence, seq, message, wasHeld }, row));
    return findings.includes(null) ? null : (findings[0] ?? null);
  }

  #row({ job_id }: Fence): Row | undefined {
    const query = "SELECT status, lease_id, last_seq FROM jobs WHERE id = ?";
    return this.#d1.rows(query, job_id)[0] as unknown as Row | undefined;
  }
}

interface Acked {
  readonly fence: Fence;
  readonly seq: number;
  /** Undefined for an ack of something that nobody has sent. */
  readonly message: AgentMessage | undefined;
  readonly wasHeld: boolean;
}

function whatIsWrong({ fence, seq, message, wasHeld }: Acked, row: Row): Finding {
  const what = `${message?.type} of ${fence.job_id.slice(0, 8)} is acked, but the job is ${row.status}`;
  if (row.lease_id !== fence.lease_id) {
    // Another lease, or none: the job has moved on since, or what is acked changed nothing from the beginning.
    const changes =
      message?.type === "job.stage" || message?.type === "job.complete" || message?.type === "job.fail";
    return changes && !wasHeld ? `${what} under another lease` : null;
  }
  switch (message?.type) {
    // A stage that an agent begins again after a restart changes nothing, nor does one that a later one overtook.
    case "job.stage":
      return row.last_seq >= seq || isPast(row.status, message.status) ? null : what;
    case "job.complete":
    case "job.fail":
      return row.status === "completed" || row.status === "failed" ? null : what;
    // What is handed back after a twin of the agent has ended it is of no interest any more.
    default:
      return isTerminal(row.status) ? null : what;
  }
}

/** Whether a job is at a stage or beyond it. */
function isPast(status: JobStatus, stage: JobStatus): boolean {
  return JOB_STATUSES.indexOf(status) >= JOB_STATUSES.indexOf(stage);
}

function keyOf(fence: Fence, seq: number): string {
  return `${fence.lease_id} ${seq}`;
}
