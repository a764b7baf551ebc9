import type { AckedMessage, Fence } from "@splatt/shared";
import type { JobRecord, JobRecordFile } from "./job-record.ts";

/** An acked message before it has a fence and a number. */
export type Unsent = AckedMessage extends infer M
  ? M extends AckedMessage
    ? Omit<M, "fence" | "seq">
    : never
  : never;

/**
 * A job's messages that must arrive: numbered and saved before they are sent, sent again until they are acked,
 * across reconnects and restarts. A full disk does not silence the agent: then they are sent unsaved.
 */
export class Outbox {
  readonly #file: JobRecordFile;
  readonly #send: (message: AckedMessage) => void;

  constructor(file: JobRecordFile, send: (message: AckedMessage) => void) {
    this.#file = file;
    this.#send = send;
  }

  /** Whether the message that ends the job waits for its ack: nothing is left to be done but that. */
  get hasFinal(): boolean {
    return this.#file.record.outbox.some(isFinal);
  }

  /** @param change what the message is about: saved with it, so that neither is there without the other */
  async post(unsent: Unsent, change: Partial<JobRecord> = {}): Promise<void> {
    const { fence, seq, outbox } = this.#file.record;
    const message = { ...unsent, fence, seq: seq + 1 } as AckedMessage;
    await this.#file.update({ ...change, seq: seq + 1, outbox: [...outbox, message] });
    this.#send(message);
  }

  resend(): void {
    if (this.#file.isUnsaved) void this.#file.update({});
    for (const message of this.#file.record.outbox) this.#send(message);
  }

  /**
   * An ack is saved with the next change: after a crash before that, the message is sent and acked once more.
   *
   * @returns the message that was acked, if it was still waiting
   */
  acked(seq: number): AckedMessage | null {
    const { outbox } = this.#file.record;
    const message = outbox.find((waiting) => waiting.seq === seq) ?? null;
    if (message !== null) this.#file.note({ outbox: outbox.filter((waiting) => waiting !== message) });
    return message;
  }

  /**
   * The job goes on, perhaps under a new lease: what still waits is sent under that one.
   *
   * @param lastSeq the last number that the Dispatcher has seen
   */
  async refence(fence: Fence, lastSeq: number): Promise<void> {
    const { seq, outbox } = this.#file.record;
    const refenced = outbox.map((message) => ({ ...message, fence }));
    await this.#file.update({ fence, outbox: refenced, seq: Math.max(seq, lastSeq) });
  }
}

/** Whether a message says that the agent is done with the job. */
export function isFinal({ type }: AckedMessage): boolean {
  return type !== "job.stage";
}
