import type { ClientRequestArgs } from "node:http";
import { Socket } from "node:net";
import {
  AGENT_SOCKET_PATH,
  type AgentMessage,
  CLOSE,
  err,
  type Hello,
  MAX_FRAME_BYTES,
  ok,
  type Result,
  ServerMessage,
  SUBPROTOCOL,
  type Welcome,
} from "@splatt/shared";
import { WebSocket } from "ws";
import { dial } from "../network/dial.ts";
import { endpointOf, NO_PROXIES, type ProxySettings } from "../network/proxies.ts";
import type { Secret } from "../secret.ts";

/** Why the handshake failed. `stop` means that retrying is useless. */
export type HandshakeFailure =
  | {
      readonly kind: "retry";
      readonly reason: string;
      /** The server's budget for this agent is spent: a quick retry would be refused too. */
      readonly isRateLimited?: true;
    }
  | { readonly kind: "stop"; readonly exit: StopReason; readonly reason: string };

export type StopReason = "unauthorized" | "replaced" | "incompatible";

/** Long enough for a slow line with a proxy and lost packets; leases outlast several of them. */
const TIMEOUT_MS = 40_000;
/** A welcome lists the agent's jobs, so it may be longer than any message from the agent. */
const MAX_INCOMING_BYTES = 16 * MAX_FRAME_BYTES;

export interface ReadySocket {
  readonly socket: WebSocket;
  readonly welcome: Welcome;
  /** Frames that arrived in the same packet as the welcome, before a listener was attached. */
  readonly early: readonly string[];
}

/**
 * Opens the WebSocket, sends the hello and waits for the welcome. Knows nothing of reconnecting: it returns either a
 * ready socket or the reason why there is none.
 */
export async function handshake(
  controlPlane: string,
  token: Secret,
  hello: Hello,
  signal: AbortSignal,
  proxies: ProxySettings = NO_PROXIES,
): Promise<Result<ReadySocket, HandshakeFailure>> {
  const url = new URL(AGENT_SOCKET_PATH, controlPlane);
  url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  const socket = new WebSocket(url, [SUBPROTOCOL], {
    headers: { authorization: `Bearer ${token.reveal()}` },
    handshakeTimeout: TIMEOUT_MS,
    maxPayload: MAX_INCOMING_BYTES,
    perMessageDeflate: false,
    createConnection: connector(url, proxies, signal),
  });
  return new Promise((resolve) => {
    const finish = (outcome: Result<ReadySocket, HandshakeFailure>) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.removeAllListeners();
      // Errors are also reported as a close, but without a listener they would crash the process.
      socket.on("error", () => undefined);
      if (!outcome.ok) socket.terminate();
      resolve(outcome);
    };
    const retry = (reason: string) => finish(err({ kind: "retry", reason }));
    const onAbort = () => retry("stopped");
    const timer = setTimeout(() => retry("no welcome in time"), TIMEOUT_MS);
    signal.addEventListener("abort", onAbort);

    socket.on("error", (error) => retry(error.message || error.name));
    socket.on("close", (code, reason) => finish(err(closeFailure(code, reason.toString()))));
    socket.on("unexpected-response", (_request, response) =>
      finish(err(responseFailure(response.statusCode ?? 0))),
    );
    socket.on("open", () => socket.send(JSON.stringify(hello satisfies AgentMessage)));
    socket.once("message", (data) => {
      const welcome = parseServerMessage(data.toString());
      if (welcome?.type !== "welcome") return retry("the server did not answer the hello with a welcome");
      const early: string[] = [];
      finish(ok({ socket, welcome, early }));
      socket.on("message", (frame) => early.push(frame.toString()));
    });
  });
}

type CreateConnection = NonNullable<ClientRequestArgs["createConnection"]>;

function connector(url: URL, proxies: ProxySettings, signal: AbortSignal): CreateConnection {
  return (_options, onConnection) => {
    dial(endpointOf(url), { proxies, signal }).then(
      (socket) => onConnection(null, socket),
      (error: Error) => onConnection(error, new Socket()),
    );
    return undefined;
  };
}

/** Unknown messages from newer servers are ignored. */
export function parseServerMessage(frame: string): ServerMessage | null {
  try {
    return ServerMessage.parse(JSON.parse(frame));
  } catch {
    return null;
  }
}

/** Classifies a close code: retry or stop. */
export function closeFailure(code: number, reason: string): HandshakeFailure {
  const text = reason === "" ? `closed with code ${code}` : `${reason} (${code})`;
  switch (code) {
    case CLOSE.replaced:
      return { kind: "stop", exit: "replaced", reason: text };
    case CLOSE.revoked:
      return { kind: "stop", exit: "unauthorized", reason: text };
    case CLOSE.incompatible:
      return { kind: "stop", exit: "incompatible", reason: text };
    case CLOSE.rateLimited:
      return { kind: "retry", reason: text, isRateLimited: true };
    default:
      return { kind: "retry", reason: text };
  }
}

function responseFailure(status: number): HandshakeFailure {
  if (status === 401 || status === 403) {
    const reason =
      "the control plane does not accept AGENT_TOKEN: the box was removed, or the token is wrong; add the box again";
    return { kind: "stop", exit: "unauthorized", reason };
  }
  const reason = `the control plane answered ${status}`;
  return status === 429 ? { kind: "retry", reason, isRateLimited: true } : { kind: "retry", reason };
}
