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

/**
 * The agents' hibernating WebSockets. Knows connections, not jobs.
 *
 * A job that is to be placed looks at every agent, so that the sockets are listed, and what the runtime knows of them
 * is remembered, on this side: for a thousand agents, asking the runtime each time took most of an assignment.
 */
export class AgentSockets {
  readonly #ctx: DurableObjectState;
  /** Those that neither side has closed, as far as is known; null until somebody asks after the object woke up. */
  #listed: Set<WebSocket> | null = null;
  /** When the runtime answered the last ping that it was asked about, by itself. */
  readonly #pings = new WeakMap<WebSocket, number>();

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
  }

  /** Answers an upgrade: 101 with the one subprotocol that is spoken here. */
  accept(identity: AgentIdentity, now: number): Response {
    const pair = new WebSocketPair();
    this.#ctx.acceptWebSocket(pair[1], [identity.id]);
    writeConnection(pair[1], { ...identity, acceptedAt: now, hello: null, restingUntil: 0, draining: false });
    this.#list().add(pair[1]);
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

  /** Every open socket, also those that have not said hello. */
  open(): AgentSocket[] {
    return Array.from(this.#list(), (ws) => ({ ws, agent: this.agentOf(ws) }));
  }

  /** The open sockets of one agent: more than one while a newer connection replaces an older one. */
  allOf(agentId: string): AgentSocket[] {
    return this.#ctx
      .getWebSockets(agentId)
      .filter(isOpen)
      .map((ws) => ({ ws, agent: this.agentOf(ws) }));
  }

  /** The socket over which an agent that has said hello is reached. */
  of(agentId: string): AgentSocket | null {
    return this.allOf(agentId).find(({ agent }) => agent.hello !== null) ?? null;
  }

  /** When the socket last gave a sign of life: a half-open one looks open, but its heartbeat stops. */
  lastHeard({ ws, agent }: AgentSocket): number {
    const pinged = this.#ctx.getWebSocketAutoResponseTimestamp(ws)?.getTime() ?? 0;
    this.#pings.set(ws, pinged);
    return Math.max(agent.acceptedAt, pinged);
  }

  /** The same as a question that mostly need not be put to the runtime. */
  wasHeardSince(socket: AgentSocket, since: number): boolean {
    const known = Math.max(socket.agent.acceptedAt, this.#pings.get(socket.ws) ?? 0);
    return known >= since || this.lastHeard(socket) >= since;
  }

  /** Sends, or does nothing when the socket is gone: the runtime drops such frames silently as well. */
  send(ws: WebSocket, message: ServerMessage): void {
    if (isOpen(ws)) ws.send(JSON.stringify(message));
  }

  /** Closes a socket, or answers its close: from now on it counts as gone. */
  close(ws: WebSocket, code: number, reason: string): void {
    this.#list().delete(ws);
    closeQuietly(ws, code, reason);
  }

  /** Lists the sockets anew, should the end of one have gone unnoticed. */
  relist(): void {
    this.#listed = null;
  }

  #list(): Set<WebSocket> {
    this.#listed ??= new Set(this.#ctx.getWebSockets().filter(isOpen));
    return this.#listed;
  }
}

function isOpen(ws: WebSocket): boolean {
  return ws.readyState === WebSocket.OPEN;
}

/**
 * `close()` throws for codes that may not be sent (1005 and 1006 are
 * what a close without a code and a broken link read as), for long reasons, and for sockets that are gone.
 */
function closeQuietly(ws: WebSocket, code: number, reason: string): void {
  const sendable = code === 1000 || (code >= 3000 && code <= 4999);
  try {
    if (sendable) ws.close(code, reason.slice(0, 100));
    else ws.close();
  } catch {
    // Nothing is left to close.
  }
}
