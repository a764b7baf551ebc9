import { DurableObject } from "cloudflare:workers";
import { JobOptions, PROTOCOL_VERSION, type ServerMessage, SUBPROTOCOL } from "@splatt/shared";
import { agentIntervals, dispatchTiming } from "../dispatch/timing.ts";
import { faultyD1 } from "./faulty-stores.ts";

/**
 * The least that any Worker needs to hand a job over: the same insert, the same claim, one send. It checks nothing,
 * survives nothing and knows one agent. Benchmarks measure the shipped Worker by it.
 */

interface BareEnv {
  readonly DB: D1Database;
  readonly DISPATCHER: DurableObjectNamespace<Dispatcher>;
  readonly D1_DELAY_MS?: string;
}

const INSERT = `INSERT INTO jobs (id, task_id, status, message, filename, source_url, options, pool, priority, rank,
  created_at, updated_at) VALUES (?1, 't', 'queued', 'Job created', 'v.mp4', ?2, ?3, 'default', 0, ?4, ?4, ?4)`;
const CLAIM = `UPDATE jobs SET attempt = 1, lease_id = ?2, agent_id = 'bare', message = 'Assigned', updated_at = ?3,
  started_at = ?3 WHERE id = ?1 AND attempt = 0 AND status = 'queued' AND lease_id IS NULL
  RETURNING source_url, options`;
const OPTIONS = JSON.stringify(JobOptions.parse({ engine: "builtin" }));

export class Dispatcher extends DurableObject<BareEnv> {
  override fetch(): Response {
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.ctx.acceptWebSocket(server);
    const headers = { "sec-websocket-protocol": SUBPROTOCOL };
    return new Response(null, { status: 101, webSocket: client, headers });
  }

  override webSocketMessage(ws: WebSocket, frame: string): void {
    if (!frame.includes('"hello"')) return;
    const intervals = agentIntervals(dispatchTiming(undefined));
    const agent_id = crypto.randomUUID();
    this.#send(ws, {
      type: "welcome",
      protocol: PROTOCOL_VERSION,
      agent_id,
      pool: "default",
      intervals,
      jobs: [],
    });
  }

  async dispatch(jobId: string): Promise<void> {
    const leaseId = crypto.randomUUID();
    const job = await d1(this.env)
      .prepare(CLAIM)
      .bind(jobId, leaseId, Date.now())
      .first<{ source_url: string; options: string }>();
    const [ws] = this.ctx.getWebSockets();
    if (job === null || ws === undefined) return;
    this.#send(ws, {
      type: "job.assign",
      fence: { job_id: jobId, attempt: 1, lease_id: leaseId },
      spec: {
        source: { kind: "url", url: job.source_url },
        options: JSON.parse(job.options) as JobOptions,
        retry_of: null,
      },
    });
  }

  #send(ws: WebSocket, message: ServerMessage): void {
    ws.send(JSON.stringify(message));
  }
}

/** The embedded runtime binds it; nothing calls it here. */
export class WebhookSender extends DurableObject<BareEnv> {}

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    const dispatcher = env.DISPATCHER.getByName("default");
    if (pathname === "/agent") return dispatcher.fetch(request);
    if (request.method === "POST") {
      const { filebin_url } = await request.json<{ filebin_url: string }>();
      const id = crypto.randomUUID();
      await d1(env).prepare(INSERT).bind(id, filebin_url, OPTIONS, Date.now()).run();
      ctx.waitUntil(dispatcher.dispatch(id));
      return Response.json({ job_id: id });
    }
    const [, , id] = pathname.split("/");
    return Response.json(await d1(env).prepare("SELECT * FROM jobs WHERE id = ?").bind(id).first());
  },
} satisfies ExportedHandler<BareEnv>;

function d1(env: BareEnv): D1Database {
  const delayMs = Number(env.D1_DELAY_MS ?? 0);
  return delayMs === 0 ? env.DB : faultyD1(env.DB, async () => ({ delayMs }));
}
