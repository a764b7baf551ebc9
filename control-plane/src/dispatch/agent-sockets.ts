import { type AgentOffer, PING, PONG, type ServerMessage, SUBPROTOCOL } from "@splatt/shared";
import type { AgentIdentity } from "../agents/tokens.ts";
import { isWatcher } from "../watch/watch-sockets.ts";
import type { ChangedAgents } from "./changed-agents.ts";
import { OfferIndex } from "./offer-index.ts";

/** What a socket's attachment keeps through hibernation; at most 16 KiB. */
export interface AgentConnection extends AgentIdentity {
  readonly acceptedAt: number;
  /** Set by the hello; until then the agent gets nothing. */
  readonly hello: { readonly instanceId: string; readonly offer: AgentOffer } | null;
  /** Until when the agent is assigned no job, after it did not take one. */
  readonly cooldownUntil: number;
  /** The agent was asked to take no more jobs. */
  readonly draining: boolean;
}

export interface AgentSocket {
  readonly ws: WebSocket;
  readonly agent: AgentConnection;
}

/** Attachments as they were last read or written: reading them takes most of a pass over a thousand agents. */
const connections = new WeakMap<WebSocket, AgentConnection>();

/** What a socket's attachment says. */
export function readConnection(ws: WebSocket): AgentConnection {
  const cached = connections.get(ws);
  if (cached !== undefined) return cached;
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
 * Each alarm looks at every agent. So the list of sockets and the times of their heartbeats are cached here: with a
 * thousand agents, asking the runtime each time took most of that.
 */
export class AgentSockets {
  readonly #ctx: DurableObjectState;
  readonly #changed: ChangedAgents;
  /** The sockets that neither side has closed; null until first used after the object woke. */
  #open: Set<WebSocket> | null = null;
  /** The offers of the open sockets. */
  #offers = new OfferIndex<WebSocket>();
  /** When the runtime last answered a heartbeat, as of the last time it was asked. */
  readonly #pings = new WeakMap<WebSocket, number>();

  /** @param changed notes the agents whose sockets change */
  constructor(ctx: DurableObjectState, changed: ChangedAgents) {
    this.#ctx = ctx;
    this.#changed = changed;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
  }

  /** Answers an upgrade with 101 and the subprotocol. */
  accept(identity: AgentIdentity, now: number): Response {
    const pair = new WebSocketPair();
    this.#ctx.acceptWebSocket(pair[1], [identity.id]);
    writeConnection(pair[1], {
      ...identity,
      acceptedAt: now,
      hello: null,
      cooldownUntil: 0,
      draining: false,
    });
    this.#openSet().add(pair[1]);
    return new Response(null, {
      status: 101,
      webSocket: pair[0],
      headers: { "sec-websocket-protocol": SUBPROTOCOL },
    });
  }

  agentOf(ws: WebSocket): AgentConnection {
    return readConnection(ws);
  }

  /** @returns false when the attachment would be too large; then nothing changes */
  update(ws: WebSocket, change: Partial<AgentConnection>): boolean {
    try {
      writeConnection(ws, { ...this.agentOf(ws), ...change });
    } catch {
      return false;
    }
    if (this.#openSet().has(ws)) this.#index(ws);
    this.#changed.add(this.agentOf(ws).id);
    return true;
  }

  /** Every open socket, including those without a hello. */
  open(): AgentSocket[] {
    return Array.from(this.#openSet(), (ws) => ({ ws, agent: this.agentOf(ws) }));
  }

  /** What the connected agents offer: one of the offers that let an agent run the same. */
  distinctOffers(except: ReadonlySet<string>): AgentOffer[] {
    this.#openSet();
    return this.#offers.distinct(except);
  }

  /** The open sockets of one agent: more than one while a newer connection replaces an older one. */
  allOf(agentId: string): AgentSocket[] {
    return this.#ctx
      .getWebSockets(agentId)
      .filter(isOpen)
      .map((ws) => ({ ws, agent: this.agentOf(ws) }));
  }

  /** The socket of a connected agent: the one with a hello. */
  of(agentId: string): AgentSocket | null {
    return this.allOf(agentId).find(({ agent }) => agent.hello !== null) ?? null;
  }

  /** The time of the last heartbeat. A half-open socket looks open, but its heartbeat stops. */
  lastActivity({ ws, agent }: AgentSocket): number {
    const pinged = this.#ctx.getWebSocketAutoResponseTimestamp(ws)?.getTime() ?? 0;
    this.#pings.set(ws, pinged);
    return Math.max(agent.acceptedAt, pinged);
  }

  /** Whether the last heartbeat came after `since`; usually answered without asking the runtime. */
  wasActiveSince(socket: AgentSocket, since: number): boolean {
    const known = Math.max(socket.agent.acceptedAt, this.#pings.get(socket.ws) ?? 0);
    return known >= since || this.lastActivity(socket) >= since;
  }

  /** Sends a message; dropped when the socket is closed, as the runtime does too. */
  send(ws: WebSocket, message: ServerMessage): void {
    if (isOpen(ws)) ws.send(JSON.stringify(message));
  }

  /** Closes a socket, or answers its close. From now on it counts as closed. */
  close(ws: WebSocket, code: number, reason: string): void {
    this.#openSet().delete(ws);
    this.#offers.delete(ws);
    this.#changed.add(this.agentOf(ws).id);
    closeQuietly(ws, code, reason);
  }

  /** Drops the cached list, in case the end of a socket was missed. */
  refresh(): void {
    this.#open = null;
    this.#changed.addAll();
  }

  #openSet(): Set<WebSocket> {
    if (this.#open === null) {
      this.#open = new Set(this.#ctx.getWebSockets().filter((ws) => isOpen(ws) && !isWatcher(ws)));
      this.#offers = new OfferIndex();
      for (const ws of this.#open) this.#index(ws);
    }
    return this.#open;
  }

  #index(ws: WebSocket): void {
    const { id, hello } = this.agentOf(ws);
    if (hello !== null) this.#offers.set(ws, { agentId: id, offer: hello.offer });
  }
}

function isOpen(ws: WebSocket): boolean {
  return ws.readyState === WebSocket.OPEN;
}

/**
 * `close()` throws for codes that must not be sent, for reasons over 123 bytes, and for sockets that are gone. A close
 * without a code is reported as 1005, a broken connection as 1006: both are answered without a code.
 */
function closeQuietly(ws: WebSocket, code: number, reason: string): void {
  const sendable = code === 1000 || (code >= 3000 && code <= 4999);
  try {
    if (sendable) ws.close(code, reason.slice(0, 100));
    else ws.close();
  } catch {
    // The socket is gone.
  }
}
