import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIPv6, type Socket } from "node:net";
import type { ProblemCode } from "@splatt/shared";
import { methodsAt } from "../../src/contract/methods-at.ts";
import { HELD_LENGTH_HEADER, UNKNOWN_LENGTH } from "../../src/embedded/store-protocol.ts";
import { healthWithoutDatabase } from "../../src/health/degraded.ts";
import { addressGroup } from "../../src/http/address-group.ts";
import { REQUEST_ID_HEADER } from "../../src/http/request-id.ts";
import { AnswerSender } from "./answer-sender.ts";
import { BodyBudget, partBody, readWhole } from "./bodies.ts";
import { ConnectionQueue } from "./connection-queue.ts";
import { FairQueue } from "./fair-queue.ts";
import { headersToRuntime } from "./headers.ts";
import {
  answerSent,
  clientLeft,
  discardBody,
  expectsContinue,
  hasBody,
  headOf,
  idOf,
  isHealth,
  isLongPoll,
} from "./incoming-request.ts";
import { Counter, type DoorLimits } from "./limits.ts";
import { DoorAnswers, originIn } from "./problems.ts";
import { isPartUpload, refusalOf } from "./routes-passed.ts";
import { isHanging, RuntimeClient, type RuntimeClientOptions } from "./runtime-client.ts";
import type { Transfer, Transfers } from "./transfers.ts";
import { TrustedProxies } from "./trusted-proxies.ts";
import { passWebSocket } from "./web-socket.ts";

export interface FrontDoorOptions extends RuntimeClientOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly limits: DoorLimits;
  readonly transfers: Transfers;
  /** Shared with the Worker, which rejects requests without it. */
  readonly secret: string;
  /** Addresses or networks (CIDR) of reverse proxies whose X-Forwarded headers are trusted. */
  readonly trustedProxies: readonly string[];
  /** As the Worker's setting of this name. */
  readonly corsOrigins: string | undefined;
  readonly onError: (text: string) => void;
}

/** How long the runtime may take to answer. Longer than the longest poll. */
const PATIENCE_MS = 75_000;
/** Whoever asks for the health has little patience. */
const HEALTH_PATIENCE_MS = 20_000;

export function newDoorSecret(): string {
  return randomBytes(32).toString("base64url");
}

/**
 * The HTTP server that owns the port of the embedded control plane. It forwards only well-formed requests for our
 * routes to the runtime, bounds each client's resources, and transfers the bytes of objects itself.
 */
export class FrontDoor {
  readonly #options: FrontDoorOptions;
  readonly #server: Server;
  readonly #runtime: RuntimeClient;
  readonly #answers: DoorAnswers;
  readonly #sender: AnswerSender;
  readonly #turns: FairQueue;
  readonly #perAddress: Counter;
  readonly #budget: BodyBudget;
  readonly #proxies: TrustedProxies;
  readonly #queues = new WeakMap<Socket, ConnectionQueue>();
  readonly #upgraded = new Set<Socket>();

  private constructor(options: FrontDoorOptions) {
    const { limits } = options;
    this.#options = options;
    this.#runtime = new RuntimeClient(options);
    this.#answers = new DoorAnswers(options.corsOrigins);
    this.#sender = new AnswerSender(this.#answers, limits.stalledMs, options.onError);
    this.#turns = new FairQueue(limits.inRuntime);
    this.#perAddress = new Counter(limits.connectionsPerAddress);
    this.#budget = new BodyBudget(limits.bodiesBytes);
    this.#proxies = new TrustedProxies(options.trustedProxies);
    const answers = this.#answers;
    this.#server = createServer(
      {
        headersTimeout: limits.headersMs,
        // Bodies have separate limits: a large part may take long.
        requestTimeout: 0,
        keepAliveTimeout: limits.idleMs,
        connectionsCheckingInterval: Math.min(1000, limits.headersMs),
        maxHeaderSize: limits.headerBytes,
        // Checked with the rest of the head.
        requireHostHeader: false,
        noDelay: true,
        keepAlive: true,
        shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket",
      },
      (request, response) => this.#enqueue(request, response),
    );
    this.#server.maxConnections = limits.connections;
    // Node silently drops those above a limit. Their number is checked with the rest of the head.
    this.#server.maxHeadersCount = 0;
    this.#server
      .on("connection", (socket) => this.#admit(socket))
      .on("checkContinue", (request, response) => this.#enqueue(request, response))
      .on("checkExpectation", (_request, response) => answers.problem(response, "malformed_request"))
      .on("connect", (_request, socket) => answers.close(socket, "method_not_allowed"))
      .on("upgrade", (request, socket, head) => void this.#upgrade(request, socket as Socket, head))
      .on("clientError", (error: ClientError, socket) => {
        const refuse = () => answers.close(socket, problemOf(error), { origin: originIn(error.rawPacket) });
        this.#queueOf(socket as Socket).end(refuse);
      });
  }

  static async open(options: FrontDoorOptions): Promise<FrontDoor> {
    const door = new FrontDoor(options);
    door.#server.listen({ host: options.host, port: options.port, backlog: 511 });
    await once(door.#server, "listening");
    return door;
  }

  get url(): URL {
    const { address, port } = this.#server.address() as AddressInfo;
    return new URL(`http://${isIPv6(address) ? `[${address}]` : address}:${port}`);
  }

  async close(): Promise<void> {
    await this.#sender.close();
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
    await closed;
    this.#runtime.close();
  }

  #admit(socket: Socket): void {
    // Of every connection, whatever becomes of it. Node removes its own handler when it gives one away.
    socket.on("error", () => undefined);
    const address = socket.remoteAddress ?? "";
    if (this.#proxies.has(address)) return;
    const group = addressGroup(address);
    if (!this.#perAddress.take(group)) {
      this.#answers.close(socket, "too_many_connections");
      return;
    }
    socket.once("close", () => this.#perAddress.give(group));
  }

  #queueOf(socket: Socket): ConnectionQueue {
    const known = this.#queues.get(socket);
    if (known !== undefined) return known;
    const queue = new ConnectionQueue(socket, this.#options.limits);
    this.#queues.set(socket, queue);
    return queue;
  }

  #enqueue(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#queueOf(socket).enter(response, () =>
      this.#serve(request, response).catch((error: unknown) => {
        const id = response.getHeader(REQUEST_ID_HEADER);
        if (!socket.destroyed) this.#options.onError(`front door: ${String(error)} request_id=${id}`);
        this.#answers.problem(response, "internal_error");
      }),
    );
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader(REQUEST_ID_HEADER, idOf(request));
    const head = headOf(request);
    const refusal = refusalOf(head);
    if (refusal !== null) {
      // After a badly framed request, the next one may be smuggled.
      if (refusal.code === "malformed_request") response.setHeader("connection", "close");
      if (refusal.code === "method_not_allowed") {
        response.setHeader("allow", methodsAt(head.target.split("?", 1)[0] ?? "").join(", "));
      }
      this.#answers.problem(response, refusal.code, refusal.detail);
    } else if (isPartUpload(head)) {
      await this.#servePart(request, response);
    } else {
      await this.#serveWhole(request, response);
    }
    if (response.socket === null) return;
    await answerSent(response);
    await discardBody(request, this.#options.limits.chunks);
  }

  async #serveWhole(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const whole = await readWhole(request, this.#options.limits, this.#budget, () => {
      if (expectsContinue(request)) response.writeContinue();
    });
    if (!whole.ok) {
      response.setHeader("connection", "close");
      this.#answers.problem(response, whole.code);
      return;
    }
    const transfer = this.#options.transfers.begin(null);
    const leave = await this.#takeTurn(request, clientLeft(response));
    try {
      if (leave === null) return;
      const lengths = hasBody(request) ? ["content-length", String(whole.body.byteLength)] : [];
      const answer = await this.#askRuntime(request, transfer, lengths, whole.body, response);
      leave();
      if (answer !== null) await this.#send(request, response, answer, transfer);
    } finally {
      leave?.();
      whole.release();
      this.#options.transfers.end(transfer);
    }
  }

  /** The Worker decides from the head alone; if it accepts, the door stores the body. */
  async #servePart(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const leave = await this.#takeTurn(request, clientLeft(response));
    if (leave === null) return;
    let isTaken = false;
    const transfer = this.#options.transfers.begin(() => {
      isTaken = true;
      leave();
      if (expectsContinue(request)) response.writeContinue();
      return partBody(request, this.#options.limits);
    });
    try {
      const lengths = [HELD_LENGTH_HEADER, heldLength(request)];
      const answer = await this.#askRuntime(
        request,
        transfer,
        ["content-length", "0", ...lengths],
        null,
        response,
      );
      leave();
      if (answer === null) return;
      if (!isTaken || !request.complete) response.setHeader("connection", "close");
      await this.#send(request, response, answer, transfer);
    } finally {
      leave();
      this.#options.transfers.end(transfer);
    }
  }

  /** @returns what ends the client's turn in the runtime, or null when the client has left before it began */
  #takeTurn(request: IncomingMessage, left: AbortSignal): Promise<(() => void) | null> {
    const { turnMs, pollTurnMs } = this.#options.limits;
    const ms = isLongPoll(request) ? pollTurnMs : turnMs;
    const address = addressGroup(this.#proxies.clientOf(request));
    // Not the socket itself, which the queue would keep with all its buffers.
    return this.#turns.enter(address, this.#queueOf(request.socket), ms, left);
  }

  /** @returns the runtime's answer, or null when the client has been answered or has left */
  async #askRuntime(
    request: IncomingMessage,
    transfer: Transfer,
    lengths: readonly string[],
    body: Buffer | null,
    response: ServerResponse,
  ): Promise<IncomingMessage | null> {
    const requestId = String(response.getHeader(REQUEST_ID_HEADER));
    const answer = await this.#runtime.ask({
      method: request.method ?? "GET",
      path: request.url ?? "/",
      isLongPoll: isLongPoll(request),
      patienceMs: isHealth(request) ? HEALTH_PATIENCE_MS : PATIENCE_MS,
      headers: () => [...this.#headersToRuntime(request, transfer, requestId), ...lengths],
      body,
      left: clientLeft(response),
    });
    if (answer === null) this.#answerForRuntime(request, response);
    return answer;
  }

  #answerForRuntime(request: IncomingMessage, response: ServerResponse): void {
    const storage = this.#options.storage();
    if (!isHanging(storage)) {
      this.#answers.problem(response, "unavailable", "The runtime of the control plane does not answer.");
    } else if (isHealth(request)) {
      this.#answers.json(response, healthWithoutDatabase(storage));
    } else {
      this.#answers.problem(response, "storage_unwritable", storage.message);
    }
  }

  #send(
    request: IncomingMessage,
    response: ServerResponse,
    answer: IncomingMessage,
    { answer: read }: Transfer,
  ): Promise<void> {
    const isLastRequest = this.#queues.get(request.socket)?.isAtLast ?? false;
    return this.#sender.send(request, response, answer, { read, isLastRequest });
  }

  async #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on("error", () => socket.destroy());
    this.#queueOf(socket).upgrade();
    const requestId = idOf(request);
    const { url: target = "/", headers: sent } = request;
    const from = { requestId, target, origin: sent.origin };
    const refusal = refusalOf(headOf(request));
    if (refusal !== null || request.method !== "GET") {
      this.#answers.close(socket, refusal?.code ?? "malformed_request", from);
      return;
    }
    this.#upgraded.add(socket);
    socket.once("close", () => this.#upgraded.delete(socket));
    const transfer = this.#options.transfers.begin(null);
    socket.once("close", () => this.#options.transfers.end(transfer));
    const left = new AbortController();
    socket.once("close", () => left.abort());
    const leave = await this.#takeTurn(request, left.signal);
    if (leave === null) return;
    try {
      const url = await this.#runtime.url();
      const headers = this.#headersToRuntime(request, transfer, requestId);
      const isAgent = target.split("?", 1)[0] === "/agent";
      const { firstMessageMs, socketIdleMs, socketClosingMs, frames } = this.#options.limits;
      const limits = {
        firstMessageMs: isAgent ? firstMessageMs : null,
        idleMs: socketIdleMs,
        closingMs: socketClosingMs,
        frames,
      };
      await passWebSocket({ client: socket, head, url, path: target, headers, limits });
    } catch {
      this.#runtime.forgetUrl();
      this.#answers.close(socket, "unavailable", from);
    } finally {
      leave();
    }
  }

  #headersToRuntime(request: IncomingMessage, transfer: Transfer, requestId: string): string[] {
    return headersToRuntime(request.rawHeaders, {
      secret: this.#options.secret,
      transfer: transfer.id,
      requestId,
      isFromTrustedProxy: this.#proxies.has(request.socket.remoteAddress ?? ""),
      clientAddress: this.#proxies.clientOf(request),
      storage: this.#options.storage(),
    });
  }
}

/** The length of a body that the door holds back; a request without one has an empty body. */
function heldLength(request: IncomingMessage): string {
  return request.headers["content-length"] ?? (hasBody(request) ? UNKNOWN_LENGTH : "0");
}

interface ClientError extends NodeJS.ErrnoException {
  /** What the client had sent. */
  readonly rawPacket?: Buffer;
}

function problemOf({ code }: ClientError): ProblemCode {
  if (code === "HPE_HEADER_OVERFLOW") return "headers_too_large";
  return code === "ERR_HTTP_REQUEST_TIMEOUT" ? "request_timeout" : "malformed_request";
}
