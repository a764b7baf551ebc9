import { type AgentMessage, type Fence, isTerminal, JOB_STATUSES, type JobStatus } from "@splatt/shared";
import type { SqliteFile } from "../ports/d1.ts";
import type { Finding } from "./jobs.ts";

interface Row {
  readonly status: JobStatus;
  readonly lease_id: string | null;
  readonly last_seq: number;
}

/**
 * An ack that leaves the Dispatcher says that D1 has what was reported. Looks at every frame on its way, because an
 * ack that came too early does its harm only when something else goes wrong too.
 */
export class AcksFollowWrites {
  readonly #d1: SqliteFile;
  /** What the agents have sent, by lease and number. */
  readonly #sent = new Map<string, AgentMessage>();

  constructor(d1: SqliteFile) {
    this.#d1 = d1;
  }

  onAgentFrame(frame: string): void {
    if (!frame.includes('"seq":')) return;
    const message = JSON.parse(frame) as AgentMessage;
    if ("seq" in message) this.#sent.set(keyOf(message.fence, message.seq), message);
  }

  onHubFrame(frame: string): Finding {
    if (!frame.startsWith('{"type":"ack"')) return null;
    const { fence, seq } = JSON.parse(frame) as { fence: Fence; seq: number };
    const query = "SELECT status, lease_id, last_seq FROM jobs WHERE id = ?";
    const row = this.#d1.rows(query, fence.job_id)[0] as unknown as Row | undefined;
    // Another lease, or none: the job has moved on from what is acked.
    if (row === undefined || row.lease_id !== fence.lease_id) return null;
    const message = this.#sent.get(keyOf(fence, seq));
    const what = `${message?.type} of ${fence.job_id.slice(0, 8)} is acked, but the job is ${row.status}`;
    switch (message?.type) {
      // A stage that an agent begins again after a restart changes nothing.
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
}

/** Whether a job is at a stage or beyond it. */
function isPast(status: JobStatus, stage: JobStatus): boolean {
  return JOB_STATUSES.indexOf(status) >= JOB_STATUSES.indexOf(stage);
}

function keyOf(fence: Fence, seq: number): string {
  return `${fence.lease_id} ${seq}`;
}
