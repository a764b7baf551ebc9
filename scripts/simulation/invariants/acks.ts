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
  /** Whether the sender held the job, under the message's lease, on arrival. */
  readonly wasHeld: boolean;
}

/**
 * The Dispatcher acks a report only after D1 has committed it. Checks every frame in transit, because a premature
 * ack does harm only together with another fault.
 */
export class AcksFollowWrites {
  readonly #d1: SqliteFile;
  /**
   * The agents' messages, by lease and number. After a power cut an agent may reuse the number of a message that is
   * still in transit.
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

  onDispatcherFrame(frame: string): Finding {
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
  /** Undefined for an ack of a message that was never sent. */
  readonly message: AgentMessage | undefined;
  readonly wasHeld: boolean;
}

function whatIsWrong({ fence, seq, message, wasHeld }: Acked, row: Row): Finding {
  const what = `${message?.type} of ${fence.job_id.slice(0, 8)} is acked, but the job is ${row.status}`;
  if (row.lease_id !== fence.lease_id) {
    // Another lease, or none: the job has changed since, or the acked message never had an effect.
    const changes =
      message?.type === "job.stage" || message?.type === "job.complete" || message?.type === "job.fail";
    return changes && !wasHeld ? `${what} under another lease` : null;
  }
  switch (message?.type) {
    // A stage that restarts after the agent's restart changes nothing, nor does one that a later stage has overtaken.
    case "job.stage":
      return row.last_seq >= seq || isPast(row.status, message.status) ? null : what;
    case "job.complete":
    case "job.fail":
      return row.status === "completed" || row.status === "failed" ? null : what;
    // Handing a job back has no effect after a twin of the agent has ended it.
    default:
      return isTerminal(row.status) ? null : what;
  }
}

/** Whether a job has reached a stage. */
function isPast(status: JobStatus, stage: JobStatus): boolean {
  return JOB_STATUSES.indexOf(status) >= JOB_STATUSES.indexOf(stage);
}

function keyOf(fence: Fence, seq: number): string {
  return `${fence.lease_id} ${seq}`;
}
