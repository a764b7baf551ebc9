import { randomUUID } from "node:crypto";
import type { DigestAlgorithm } from "../../src/storage/object-bytes.ts";
import type { ObjectRead } from "../object-store/object-store.ts";
import { SlicedBody } from "./sliced-body.ts";

/** A client's request whose bytes the door transfers on the Worker's order. */
export interface Transfer {
  readonly id: string;
  /** Starts reading the body that the client sends, or null when there is none to hand over. */
  readonly takeBody: (() => AsyncIterable<Uint8Array>) | null;
  /** The body that the client sends, while it is appended to an upload. */
  sliced: SlicedBody | null;
  /** The client's reply, once the Worker has requested it. */
  answer: ObjectRead | null;
}

/** The requests in progress, by a name that only the Worker and the door know. */
export class Transfers {
  readonly #open = new Map<string, Transfer>();

  begin(takeBody: Transfer["takeBody"]): Transfer {
    const transfer: Transfer = { id: randomUUID(), takeBody, sliced: null, answer: null };
    this.#open.set(transfer.id, transfer);
    return transfer;
  }

  find(id: string): Transfer | null {
    return this.#open.get(id) ?? null;
  }

  /** The body of a transfer, to be appended slice by slice; null when there is none. */
  slicedBody(id: string, algorithm: DigestAlgorithm | null): SlicedBody | null {
    const transfer = this.#open.get(id);
    const chunks = transfer?.sliced === null ? transfer.takeBody?.() : undefined;
    if (transfer !== undefined && chunks !== undefined) transfer.sliced = new SlicedBody(chunks, algorithm);
    return transfer?.sliced ?? null;
  }

  end(transfer: Transfer): void {
    this.#open.delete(transfer.id);
    transfer.answer?.release();
    transfer.sliced?.close();
  }
}
