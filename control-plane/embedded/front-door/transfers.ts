import { randomUUID } from "node:crypto";
import type { ObjectRead } from "../object-store/object-store.ts";

/** A client's request whose bytes the door transfers on the Worker's order. */
export interface Transfer {
  readonly id: string;
  /** Starts reading the body that the client sends, or null when there is none to hand over. */
  readonly takeBody: (() => AsyncIterable<Uint8Array>) | null;
  /** The client's reply, once the Worker has requested it. */
  answer: ObjectRead | null;
}

/** The requests in progress, by a name that only the Worker and the door know. */
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
