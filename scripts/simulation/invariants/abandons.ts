import {
  type AgentMessage,
  type Fence,
  isTerminal,
  type JobStatus,
  type ServerMessage,
} from "@splatt/shared";
import type { SqliteFile } from "../fakes/d1.ts";
import type { Finding } from "./jobs.ts";

/**
 * No agent gets the order to abandon a job that D1 assigns to it: the job would restart and lose all its work. A
 * released lease never returns, so what the Dispatcher read still holds when it sends the frame.
 */
export function onlyLostJobsAreAbandoned(frame: string, d1: SqliteFile): Finding {
  if (!frame.startsWith('{"type":"job.abandon"')) return null;
  const { fence, reason } = JSON.parse(frame) as { fence: Fence; reason: string };
  const [row] = d1.rows(
    `SELECT status FROM jobs WHERE id = ? AND attempt = ? AND lease_id = ?
     AND status NOT IN ('completed', 'failed', 'cancelled')`,
    fence.job_id,
    fence.attempt,
    fence.lease_id,
  );
  if (row === undefined) return null;
  return `job ${fence.job_id.slice(0, 8)} is ${String(row.status)} under its lease, but is abandoned: ${reason}`;
}

/**
 * A reconnecting agent never gets the order to resume a job that had ended when its hello arrived: it would waste
 * hours of work.
 */
export class OnlyLiveJobsResume {
  readonly #d1: SqliteFile;
  readonly #ended = new Set<string>();

  constructor(d1: SqliteFile) {
    this.#d1 = d1;
  }

  onAgentFrame(frame: string): void {
    if (!frame.startsWith('{"type":"hello"')) return;
    const hello = JSON.parse(frame) as AgentMessage & { type: "hello" };
    for (const { fence } of hello.held) {
      const [job] = this.#d1.rows("SELECT status FROM jobs WHERE id = ?", fence.job_id);
      if (job === undefined || isTerminal(job.status as JobStatus)) this.#ended.add(fence.job_id);
    }
  }

  onDispatcherFrame(frame: string): Finding {
    if (!frame.startsWith('{"type":"welcome"')) return null;
    const welcome = JSON.parse(frame) as ServerMessage & { type: "welcome" };
    const wrong = welcome.jobs.find(
      ({ action, held }) => action === "continue" && this.#ended.has(held.job_id),
    );
    return wrong === undefined
      ? null
      : `job ${wrong.held.job_id.slice(0, 8)} has ended, but is to be resumed`;
  }
}
