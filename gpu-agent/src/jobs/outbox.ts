import type { AckedMessage, Fence } from "@splatt/shared";
import type { JobRecord, JobRecordFile } from "./job-record.ts";

/** A message that needs an ack, before it has a fence and a sequence number. */
export type Unsent = AckedMessage extends infer M
  ? M extends AckedMessage
    ? Omit<M, "fence" | "seq">
    : never
  : never;

/** How long a message waits for a disk that hangs. */
const SAVE_MS = 10_000;

/**
 * A job's messages that must arrive. They are numbered and saved before they are sent, and resent until they are acked,
 * across reconnects and restarts. When the disk refuses or hangs, they are sent unsaved.
 */
export class Outbox {
  readonly #file: JobRecordFile;
  readonly #send: (message: AckedMessage) => void;

  constructor(file: JobRecordFile, send: (message: AckedMessage) => void) {
    this.#file = file;
    this.#send = send;
  }

  /** Whether the job's final message waits for its ack, and nothing else is left to do. */
  get hasFinal(): boolean {
    return this.#file.record.outbox.some(isFinal);
  }

  /** @param change the record's change that the message reports, saved atomically with it */
  async post(unsent: Unsent, change: Partial<JobRecord> = {}): Promise<void> {
    const { fence, seq, outbox } = this.#file.record;
    const message = { ...unsent, fence, seq: seq + 1 } as AckedMessage;
    await inTime(this.#file.update({ ...change, seq: seq + 1, outbox: [...outbox, message] }), SAVE_MS);
    this.#send(message);
  }

  resend(): void {
    if (this.#file.isUnsaved) void this.#file.update({});
    for (const message of this.#file.record.outbox) this.#send(message);
  }

  /**
   * An ack is saved with the next change. After a crash before that, the message is sent and acked again.
   *
   * @returns the acked message; null when it was acked before
   */
  acked(seq: number): AckedMessage | null {
    const { outbox } = this.#file.record;
    const message = outbox.find((waiting) => waiting.seq === seq) ?? null;
    if (message !== null) this.#file.note({ outbox: outbox.filter((waiting) => waiting !== message) });
    return message;
  }

  /**
   * Moves the job, and its unacked messages, to a fence that may have a new lease.
   *
   * @param lastSeq the last sequence number that the Dispatcher has seen
   */
  async refence(fence: Fence, lastSeq: number): Promise<void> {
    const { seq, outbox } = this.#file.record;
    const refenced = outbox.map((message) => ({ ...message, fence }));
    await this.#file.update({ fence, outbox: refenced, seq: Math.max(seq, lastSeq) });
  }
}

/** Resolves with the work, or after the given time. */
async function inTime(work: Promise<unknown>, ms: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Whether a message ends the agent's work on the job. */
export function isFinal({ type }: AckedMessage): boolean {
  return type !== "job.stage";
}
