import { type AgentOffer, PING, PONG, type ServerMessage, SUBPROTOCOL } from "@splatt/shared";
import type { AgentIdentity } from "../agents/tokens.ts";

/** What a socket's attachment remembers through hibernation; at most 16 KiB. */
export interface AgentConnection extends AgentIdentity {
  readonly acceptedAt: number;
  /** Set by the hello; before that the agent takes no part. */
  readonly hello: { readonly instanceId: string; readonly offer: AgentOffer } | null;
  /** Until when the agent is given no new job, after it did not take one. */
  readonly restingUntil: number;
  /** Told to take no more jobs. */
  readonly draining: boolean;
}

export interface AgentSocket {
  readonly ws: WebSocket;
  readonly agent: AgentConnection;
}

/** What attachments say, read once: a pass over a thousand agents would spend most of its time on reading them. */
const connections = new WeakMap<WebSocket, AgentConnection>();

/** The connection that a socket's attachment remembers. */
export function readConnection(ws: WebSocket): AgentConnection {
  const known = connections.get(ws);
  if (known !== undefined) return known;
  const connection = ws.deserializeAttachment() as AgentConnection;
  connections.set(ws, connection);
  return connection;
}

export function writeConnection(ws: WebSocket, connection: AgentConnection): void {
  ws.serializeAttachment(connection);
  connections.set(ws, connection);
}

/** The agents' hibernating WebSockets. Knows connections, not jobs. */
export class AgentSockets {
  readonly #ctx: DurableObjectState;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
  }

  /** Answers an upgrade: 101 with the one subprotocol that is spoken here. */
  accept(identity: AgentIdentity, now: number): Response {
    const pair = new WebSocketPair();
    this.#ctx.acceptWebSocket(pair[1], [identity.id]);
    writeConnection(pair[1], { ...identity, acceptedAt: now, hello: null, restingUntil: 0, draining: false });
    return new Response(null, {
      status: 101,
      webSocket: pair[0],
      headers: { "sec-websocket-protocol": SUBPROTOCOL },
    });
  }

  agentOf(ws: WebSocket): AgentConnection {
    return readConnection(ws);
  }

  update(ws: WebSocket, change: Partial<AgentConnection>): void {
    writeConnection(ws, { ...this.agentOf(ws), ...change });
  }

  /** Every open socket, also those that have not said hello. The runtime lists closing ones too. */
  open(): AgentSocket[] {
    return this.#ctx
      .getWebSockets()
      .filter((ws) => ws.readyState === WebSocket.OPEN)
      .map((ws) => ({ ws, agent: this.agentOf(ws) }));
  }

  /** The socket over which an agent that has said hello is reached. */
  of(agentId: string): AgentSocket | null {
    const ws = this.#ctx
      .getWebSockets(agentId)
      .find((socket) => socket.readyState === WebSocket.OPEN && this.agentOf(socket).hello !== null);
    return ws === undefined ? null : { ws, agent: this.agentOf(ws) };
  }

  /** When the socket last gave a sign of life: a half-open one looks open, but its heartbeat stops. */
  lastHeard({ ws, agent }: AgentSocket): number {
    return Math.max(agent.acceptedAt, this.#ctx.getWebSocketAutoResponseTimestamp(ws)?.getTime() ?? 0);
  }

  /** Sends, or does nothing when the socket is gone: the runtime drops such frames silently as well. */
  send(ws: WebSocket, message: ServerMessage): void {
    if (ws.readyState === WebSocket.OPEN) ws.send(JSON.stringify(message));
  }
}

/**
 * Closes a socket, or answers its close. `close()` throws for codes that may not be sent (1005 and 1006 are
 * what a close without a code and a broken link read as), for long reasons, and for sockets that are gone.
 */
export function closeQuietly(ws: WebSocket, code: number, reason: string): void {
  const sendable = code === 1000 || (code >= 3000 && code <= 4999);
  try {
    if (sendable) ws.close(code, reason.slice(0, 100));
    else ws.close();
  } catch {
    // Nothing is left to close.
  }
}
