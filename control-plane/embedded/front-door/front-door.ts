import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request as requestRuntime,
  type Server,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, BlockList, isIPv6, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProblemCode } from "@splatt/shared";
import { HELD_LENGTH_HEADER } from "../../src/embedded/store-protocol.ts";
import type { StorageState } from "../../src/storage/storage-state.ts";
import { BodyBudget, partBody, readWhole } from "./bodies.ts";
import { clientAddressOf, headersToClient, headersToRuntime } from "./headers.ts";
import { Counter, type DoorLimits } from "./limits.ts";
import { answerProblem, closeWithProblem } from "./problems.ts";
import { isPartUpload, refusalOf, valuesOf } from "./routes-passed.ts";
import { sendObject } from "./send-object.ts";
import type { Transfer, Transfers } from "./transfers.ts";
import { passWebSocket } from "./web-socket.ts";

export interface FrontDoorOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly limits: DoorLimits;
  readonly transfers: Transfers;
  /** Shared with the Worker, which rejects requests without it. */
  readonly secret: string;
  /** The runtime's current address, which changes when the runtime restarts. */
  readonly runtimeUrl: () => Promise<URL>;
  readonly storage: () => StorageState | null;
  /** Checks the disk now. */
  readonly recheckStorage: () => Promise<void>;
  /** Addresses or networks (CIDR) of reverse proxies whose X-Forwarded headers are trusted. */
  readonly trustedProxies: readonly string[];
  readonly onError: (text: string) => void;
}

/** How long a request waits for a runtime that is being restarted. */
const RUNTIME_RETRY = { tries: 25, waitMs: 200 };
/** How long the runtime may take to answer, for example while its disk hangs. */
const RUNTIME_PATIENCE_MS = 60_000;
/** How long a client may continue to send an unwanted body before its connection is cut. */
const UNWANTED_BODY_MS = 5000;

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
  readonly #toRuntime = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  readonly #perAddress: Counter;
  readonly #budget: BodyBudget;
  readonly #trusted: BlockList;
  /** The requests of each connection, served one after the other. */
  readonly #queues = new WeakMap<Socket, { waiting: number; last: Promise<void> }>();
  #runtime: URL | null = null;

  private constructor(options: FrontDoorOptions) {
    const { limits } = options;
    this.#options = options;
    this.#perAddress = new Counter(limits.connectionsPerAddress);
    this.#budget = new BodyBudget(limits.bodiesBytes);
    this.#trusted = blockListOf(options.trustedProxies);
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
    this.#server.maxHeadersCount = 100;
    this.#server
      .on("connection", (socket) => this.#admit(socket))
      .on("checkContinue", (request, response) => this.#enqueue(request, response))
      .on("checkExpectation", (_request, response) => answerProblem(response, "malformed_request"))
      .on("connect", (_request, socket) => closeWithProblem(socket, "method_not_allowed"))
      .on("upgrade", (request, socket, head) => void this.#upgrade(request, socket as Socket, head))
      .on("clientError", (error: NodeJS.ErrnoException, socket) =>
        closeWithProblem(socket, problemOf(error)),
      );
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
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
    await closed;
    this.#toRuntime.destroy();
  }

  readonly #upgraded = new Set<Socket>();

  #admit(socket: Socket): void {
    const address = socket.remoteAddress ?? "";
    if (this.#isTrusted(address)) return;
    if (!this.#perAddress.take(address)) {
      closeWithProblem(socket, "too_many_connections");
      return;
    }
    socket.once("close", () => this.#perAddress.give(address));
  }

  /** Handles one request of a connection at a time, even when the client pipelines. */
  #enqueue(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const queue = this.#queues.get(socket) ?? { waiting: 0, last: Promise.resolve() };
    this.#queues.set(socket, queue);
    if (queue.waiting >= this.#options.limits.pipelined) {
      socket.destroy();
      return;
    }
    queue.waiting += 1;
    queue.last = queue.last
      .then(() => this.#serve(request, response))
      .catch((error: unknown) => {
        if (!socket.destroyed) this.#options.onError(`front door: ${String(error)}`);
        answerProblem(response, "internal_error");
      })
      .finally(() => {
        queue.waiting -= 1;
      });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const head = headOf(request);
    const refusal = refusalOf(head);
    if (refusal !== null) {
      // After a badly framed request, the next one may be smuggled.
      if (refusal.code === "malformed_request") response.setHeader("connection", "close");
      answerProblem(response, refusal.code, refusal.detail);
    } else if (isPartUpload(head)) {
      await this.#servePart(request, response);
    } else {
      await this.#serveWhole(request, response);
    }
    await finished(response);
    await discardBody(request);
  }

  async #serveWhole(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (expectsContinue(request)) response.writeContinue();
    const whole = await readWhole(request, this.#options.limits, this.#budget);
    if (!whole.ok) {
      response.setHeader("connection", "close");
      answerProblem(response, whole.code);
      return;
    }
    const transfer = this.#options.transfers.begin(null);
    try {
      const lengths = hasBody(request) ? ["content-length", String(whole.body.byteLength)] : [];
      const answer = await this.#askRuntime(request, transfer, lengths, whole.body, response);
      if (answer !== null) await this.#answer(request, response, answer, transfer);
    } finally {
      whole.release();
      this.#options.transfers.end(transfer);
    }
  }

  /** The Worker decides from the head alone; if it accepts, the door stores the body. */
  async #servePart(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let isTaken = false;
    const transfer = this.#options.transfers.begin(() => {
      isTaken = true;
      if (expectsContinue(request)) response.writeContinue();
      return partBody(request, this.#options.limits.part);
    });
    try {
      const length = request.headers["content-length"];
      const lengths = length === undefined ? [] : [HELD_LENGTH_HEADER, length];
      const answer = await this.#askRuntime(
        request,
        transfer,
        ["content-length", "0", ...lengths],
        null,
        response,
      );
      if (answer === null) return;
      if (!isTaken || !request.complete) response.setHeader("connection", "close");
      await this.#answer(request, response, answer, transfer);
    } finally {
      this.#options.transfers.end(transfer);
    }
  }

  /** @returns the runtime's answer, or null when the client has been answered or has left */
  async #askRuntime(
    request: IncomingMessage,
    transfer: Transfer,
    lengths: readonly string[],
    body: Buffer | null,
    response: ServerResponse,
  ): Promise<IncomingMessage | null> {
    let isStorageKnown = false;
    for (let tries = 1; ; tries += 1) {
      const url = await this.#runtimeUrl();
      const headers = [...this.#headersToRuntime(request, transfer), ...lengths];
      const forwarded = requestRuntime({
        hostname: url.hostname,
        port: url.port,
        method: request.method ?? "GET",
        path: request.url ?? "/",
        headers,
        agent: this.#toRuntime,
        setHost: false,
        // A part may take long to arrive, and the Worker waits for it.
        ...(body !== null && { timeout: RUNTIME_PATIENCE_MS }),
      });
      forwarded.once("timeout", () => forwarded.destroy());
      const leave = () => forwarded.destroy();
      // When the client has left, cancel the request unless it may change state.
      if (request.method === "GET" || request.method === "HEAD") response.once("close", leave);
      try {
        forwarded.end(body ?? undefined);
        const answer = await answerOf(forwarded);
        // D1 reports a full disk as an internal error: check the disk, and let the Worker decide again.
        const mayBeDisk = (answer.statusCode ?? 0) >= 500 && answer.statusCode !== 507;
        if (!mayBeDisk || isStorageKnown || body === null || this.#options.storage() !== null) return answer;
        isStorageKnown = true;
        await this.#options.recheckStorage();
        // In this state the Worker refuses any write that it may have made the first time.
        if (!this.#refusesWrites()) return answer;
        answer.resume();
      } catch (error) {
        if (response.destroyed) return null;
        if (!canRetry(error, forwarded, request.method) || tries >= RUNTIME_RETRY.tries) {
          answerProblem(response, "unavailable", "The runtime of the control plane does not answer.");
          return null;
        }
        this.#runtime = null;
        await sleep(RUNTIME_RETRY.waitMs);
      } finally {
        response.off("close", leave);
      }
    }
  }

  #refusesWrites(): boolean {
    const state = this.#options.storage();
    return state !== null && state.kind !== "slow";
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    answer: IncomingMessage,
    transfer: Transfer,
  ): Promise<void> {
    const status = answer.statusCode ?? 500;
    const isOurs = answer.headers["content-type"]?.startsWith("application/problem+json") ?? false;
    if (status >= 500 && !isOurs) {
      // The runtime's message about a crash may contain a stack trace.
      answer.resume();
      answerProblem(response, "internal_error");
      return;
    }
    const headers = headersToClient(answer.rawHeaders);
    const close = response.getHeader("connection");
    if (close !== undefined) headers.push("connection", String(close));
    if (transfer.answer === null) {
      response.writeHead(status, headers);
      await pipeline(answer, response).catch(() => response.destroy());
      return;
    }
    answer.resume();
    const rest = withoutLength(headers);
    response.writeHead(status, [...rest, "content-length", String(transfer.answer.length)]);
    if (request.method === "HEAD") response.end();
    else if (await sendObject(transfer.answer, response, this.#options.limits.stalledMs)) response.end();
    else response.destroy();
  }

  async #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on("error", () => socket.destroy());
    const refusal = refusalOf(headOf(request));
    if (refusal !== null || request.method !== "GET") {
      closeWithProblem(socket, refusal?.code ?? "malformed_request");
      return;
    }
    this.#upgraded.add(socket);
    socket.once("close", () => this.#upgraded.delete(socket));
    const transfer = this.#options.transfers.begin(null);
    socket.once("close", () => this.#options.transfers.end(transfer));
    try {
      const url = await this.#runtimeUrl();
      const headers = this.#headersToRuntime(request, transfer);
      const isAgent = request.url?.split("?", 1)[0] === "/agent";
      const { firstMessageMs, socketIdleMs } = this.#options.limits;
      const limits = { firstMessageMs: isAgent ? firstMessageMs : null, idleMs: socketIdleMs };
      await passWebSocket({ client: socket, head, url, path: request.url ?? "/", headers, limits });
    } catch {
      this.#runtime = null;
      closeWithProblem(socket, "unavailable");
    }
  }

  #headersToRuntime(request: IncomingMessage, transfer: Transfer): string[] {
    const peer = request.socket.remoteAddress ?? "";
    const isFromTrustedProxy = this.#isTrusted(peer);
    return headersToRuntime(request.rawHeaders, {
      secret: this.#options.secret,
      transfer: transfer.id,
      isFromTrustedProxy,
      clientAddress: clientAddressOf(peer, valuesOf(request.rawHeaders, "x-forwarded-for"), (address) =>
        this.#isTrusted(address),
      ),
      storage: this.#options.storage(),
    });
  }

  #isTrusted(address: string): boolean {
    return this.#trusted.check(address, isIPv6(address) ? "ipv6" : "ipv4");
  }

  async #runtimeUrl(): Promise<URL> {
    this.#runtime ??= await this.#options.runtimeUrl();
    return this.#runtime;
  }
}

function headOf({ method = "", url = "", rawHeaders }: IncomingMessage) {
  return { method, target: url, rawHeaders };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
}

function expectsContinue({ headers }: IncomingMessage): boolean {
  return headers.expect?.toLowerCase() === "100-continue";
}

function withoutLength(headers: readonly string[]): string[] {
  return headers.filter((_, index) => headers[index - (index % 2)]?.toLowerCase() !== "content-length");
}

function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    // Also after the response.
    request.on("error", reject);
  });
}

/** A request that never reached the runtime can be retried; one that may have reached it, only if it is read-only. */
function canRetry(error: unknown, request: ClientRequest, method: string | undefined): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "ECONNREFUSED") return true;
  return code === "ECONNRESET" && (request.reusedSocket || method === "GET" || method === "HEAD");
}

function finished(response: ServerResponse): Promise<void> {
  if (response.writableFinished || response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    response.once("close", resolve);
    response.once("finish", resolve);
  });
}

/** Keeps reading for a moment: closing while the client is sending would lose the reply. */
async function discardBody(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return;
  const cut = setTimeout(() => request.socket.destroy(), UNWANTED_BODY_MS);
  request.resume();
  await new Promise<void>((resolve) => {
    request.once("end", resolve);
    request.once("close", resolve);
  });
  clearTimeout(cut);
}

function problemOf({ code }: NodeJS.ErrnoException): ProblemCode {
  if (code === "HPE_HEADER_OVERFLOW") return "headers_too_large";
  return code === "ERR_HTTP_REQUEST_TIMEOUT" ? "request_timeout" : "malformed_request";
}

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}
