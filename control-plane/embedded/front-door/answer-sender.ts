import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import type { ObjectRead } from "../object-store/object-store.ts";
import { ByteMover } from "./byte-mover.ts";
import { CompressedAssets, compressedHeaders } from "./compressed-assets.ts";
import { headersToClient } from "./headers.ts";
import type { DoorAnswers } from "./problems.ts";
import { sendObject } from "./send-object.ts";

/** Larger answers are sent by the byte mover. */
const MOVE_BYTES = 1024 * 1024;

/**
 * Sends the runtime's answers to the clients: as they come, compressed, or with an object's bytes, which come from the
 * disk and not from the runtime.
 */
export class AnswerSender {
  readonly #answers: DoorAnswers;
  readonly #mover: ByteMover;
  readonly #assets = new CompressedAssets();
  readonly #stalledMs: number;

  /** @param stalledMs how long a client may take nothing of an object */
  constructor(answers: DoorAnswers, stalledMs: number, onError: (text: string) => void) {
    this.#answers = answers;
    this.#mover = new ByteMover(stalledMs, onError);
    this.#stalledMs = stalledMs;
  }

  close(): Promise<void> {
    return this.#mover.close();
  }

  /**
   * Sends one answer. `read` has the bytes that it names; null when it has its own. `isLastRequest`: the client has
   * sent no further request on this connection.
   */
  async send(
    request: IncomingMessage,
    response: ServerResponse,
    answer: IncomingMessage,
    { read, isLastRequest }: { readonly read: ObjectRead | null; readonly isLastRequest: boolean },
  ): Promise<void> {
    const status = answer.statusCode ?? 500;
    const isOurs = answer.headers["content-type"]?.startsWith("application/problem+json") ?? false;
    if (status >= 500 && !isOurs) {
      // The runtime's message about a crash may contain a stack trace.
      answer.resume();
      this.#answers.problem(response, "internal_error");
      return;
    }
    // The mover cannot return the connection: a pipelined request would already be in this process.
    const isMovable = isLastRequest && request.method !== "HEAD" && !request.socket.destroyed;
    const isMoved = read !== null && isMovable && this.#mover.isReady && read.length >= MOVE_BYTES;
    const headers = headersToClient(answer.rawHeaders);
    if (isMoved || response.hasHeader("connection")) headers.push("connection", "close");
    const compressed =
      read === null ? await this.#assets.of(request, answer).catch(() => "lost" as const) : null;
    // The runtime broke off its answer while it was being compressed: there is nothing to send.
    if (compressed === "lost") return void response.destroy();
    if (compressed !== null) {
      response.writeHead(status, compressedHeaders(withoutLength(headers), compressed)).end(compressed);
      return;
    }
    if (read === null) {
      response.writeHead(status, headers);
      await pipeline(answer, response).catch(() => response.destroy());
      return;
    }
    answer.resume();
    response.writeHead(status, [...withoutLength(headers), "content-length", String(read.length)]);
    if (request.method === "HEAD") response.end();
    else await this.#sendObject(request.socket, response, read, isMoved);
  }

  async #sendObject(
    socket: Socket,
    response: ServerResponse,
    read: ObjectRead,
    isMoved: boolean,
  ): Promise<void> {
    response.flushHeaders();
    if (isMoved && socket.writableLength === 0) {
      await this.#mover.move(socket, read);
      response.destroy();
    } else if (await sendObject(read.segments, response, this.#stalledMs)) {
      response.end();
    } else {
      response.destroy();
    }
  }
}

function withoutLength(headers: readonly string[]): string[] {
  return headers.filter((_, index) => headers[index - (index % 2)]?.toLowerCase() !== "content-length");
}
