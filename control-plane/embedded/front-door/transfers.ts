import { randomUUID } from "node:crypto";
import type { ObjectRead } from "../object-store/object-store.ts";

/** A client's request whose bytes the Worker may have moved. */
export interface Transfer {
  readonly id: string;
  /** Starts reading the body that the client sends, or null when there is none to hand over. */
  readonly takeBody: (() => AsyncIterable<Uint8Array>) | null;
  /** What the client is to be answered with, once the Worker has asked for it. */
  answer: ObjectRead | null;
}

/** The requests under way, by a name that only the Worker and the door know. */
export class Transfers {
  readonly #open = new Map<string, Transfer>();

  begin(takeBody: Transfer["takeBody"]): Transfer {
    const transfer: Transfer = { id: randomUUID(), takeBody, answer: null };
    this.#open.set(transfer.id, transfer);
    return transfer;
  }

  find(id: string): Transfer | null {
    return this.#open.get(id) ?? null;
  }

  end(transfer: Transfer): void {
    this.#open.delete(transfer.id);
    transfer.answer?.release();
  }
}
