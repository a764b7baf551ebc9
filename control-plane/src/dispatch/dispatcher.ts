import { DurableObject } from "cloudflare:workers";
import { type AgentMessage, CLOSE, EngineChoice } from "@splatt/shared";
import { database } from "../db/database.ts";
import { withoutQueryValues } from "../db/store-errors.ts";
import type { Env } from "../env.ts";
import { ApiError, problemResponse } from "../http/problem.ts";
import { inRequest } from "../http/request-context.ts";
import { log } from "../log.ts";
import { retentionOf } from "../maintenance/retention-settings.ts";
import { readWatchRequest } from "../watch/watch-request.ts";
import { isWatcher, WatchSockets } from "../watch/watch-sockets.ts";
import { Watchers } from "../watch/watchers.ts";
import { wakeSenders } from "../webhooks/wake.ts";
import { markLostAgents, onAgentGone } from "./agent-gone.ts";
import { AgentInstances } from "./agent-instances.ts";
import { AgentSockets } from "./agent-sockets.ts";
import { AlarmClock } from "./alarm-clock.ts";
import { Assigner } from "./assigner.ts";
import { pruneCooldowns } from "./backoff.ts";
import { ChangedAgents } from "./changed-agents.ts";
import { checkLeases, wasAway } from "./check-leases.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { type DispatcherApi, decodeIdentity, IDENTITY_HEADER } from "./dispatcher-api.ts";
import { Drains } from "./drains.ts";
import { explainJob, explainWaiting } from "./explain-waiting.ts";
import { FaultTable } from "./fault-table.ts";
import { fenceOf, isLeasedTo } from "./held-lease.ts";
import { deletedAgents, sendDrain } from "./hello.ts";
import { LeaseTable } from "./lease-table.ts";
import { giveUpLost, loseLease } from "./lose-lease.ts";
import { CONNECT_POINTS, framePoints, MessageBudgets, messagePoints } from "./message-budget.ts";
import { MessageHandler } from "./message-handler.ts";
import { release, saveFaults } from "./note-faults.ts";
import { parseFrame } from "./parse-frame.ts";
import { admitPending, closeOverduePending } from "./pending-sockets.ts";
import { PoolCapacity } from "./pool-capacity.ts";
import { reconcilePresence } from "./presence.ts";
import type { WaitingJob } from "./queue.ts";
import { reconcileLeases } from "./reconcile-leases.ts";
import { closeSilent } from "./silent-agents.ts";
import { SocketTurns } from "./socket-turns.ts";
import { dispatchTiming } from "./timing.ts";

/**
 * One per pool: holds the agents' sockets and assigns jobs to them. This class only receives events; the functions of
 * this folder act on the DispatchContext. It uses no timers, so that it can hibernate: whatever waits uses the alarm.
 */
export class Dispatcher extends DurableObject<Env> implements DispatcherApi {
  readonly #context: DispatchContext;
  readonly #assigner: Assigner;
  readonly #handler: MessageHandler;
  readonly #budgets = new MessageBudgets();
  readonly #turns = new SocketTurns();
  readonly #watchers: Watchers;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const alarm = new AlarmClock(ctx.storage);
    const changed = new ChangedAgents();
    this.#context = {
      pool: ctx.id.name ?? "",
      db: database(env.DB),
      bucket: env.BUCKET,
      leases: new LeaseTable(ctx.storage.sql, changed),
      instances: new AgentInstances(ctx.storage.sql),
      drains: new Drains(ctx.storage.sql),
      faults: new FaultTable(ctx.storage.sql, changed),
      sockets: new AgentSockets(ctx, changed),
      capacity: new PoolCapacity(changed),
      timing: dispatchTiming(env.DISPATCH_TIMING),
      retention: retentionOf(env),
      now: Date.now,
      random: Math.random,
      newLeaseId: () => crypto.randomUUID(),
      alarm,
      wakeReceivers: (rows) =>
        void wakeSenders(
          env,
          rows.map(({ receiver }) => receiver),
        ),
      awakeSince: 0,
      writtenProgress: new Map(),
      recalled: new Set(),
      cooldowns: new Map(),
      recallsAgainAt: 0,
      explainedTo: new Map(),
      explained: new Map(),
      jobChanged: (jobId) => void this.#watchers.changed(jobId),
      greeting: new WeakSet(),
    };
    this.#watchers = new Watchers(this.#context, new WatchSockets(ctx));
    this.#assigner = new Assigner(this.#context);
    this.#handler = new MessageHandler(this.#context, this.#watchers, this.#assigner, (ws, points) =>
      this.#spend(ws, points),
    );
    void ctx.blockConcurrencyWhile(async () => {
      await alarm.load();
      markLostAgents(this.#context);
    });
  }

  /** The Worker hands over an agent's or a watcher's upgrade, with what it has checked in a header. */
  override async fetch(request: Request): Promise<Response> {
    return inRequest(request.headers, () => this.#accept(request));
  }

  #accept(request: Request): Response | Promise<Response> {
    const watch = readWatchRequest(request);
    if (watch !== null) return this.#watchers.accept(watch);
    const identity = decodeIdentity(request.headers.get(IDENTITY_HEADER) ?? "");
    if (!this.#budgets.spend(identity.id, CONNECT_POINTS, this.#context.now())) {
      return problemResponse(new ApiError("rate_limited", undefined, { "retry-after": "10" }));
    }
    const response = this.#context.sockets.accept(identity, this.#context.now());
    admitPending(this.#context, identity.id);
    return response;
  }

  override async webSocketMessage(ws: WebSocket, frame: string | ArrayBuffer): Promise<void> {
    // What arrives after this side has closed the socket is dropped unread.
    if (ws.readyState !== WebSocket.OPEN) return;
    if (isWatcher(ws)) return this.#watchers.onMessage(ws, frame);
    const { sockets, greeting } = this.#context;
    const agentId = sockets.agentOf(ws).id;
    if (!this.#spend(ws, framePoints(frame))) return;
    const message = parseFrame(frame);
    if (!message.ok) return sockets.close(ws, CLOSE.badMessage, message.reason);
    const isAskedFor =
      message.value.type === "job.entries" && this.#watchers.streams.isAskedFor(ws, message.value);
    if (!isAskedFor && !this.#spend(ws, messagePoints(message.value))) return;
    const isHello = message.value.type === "hello";
    if (!isHello && sockets.agentOf(ws).hello === null) {
      return sockets.close(ws, CLOSE.badMessage, "the first message must be hello");
    }
    if (isHello) greeting.add(ws);
    const receivedAt = this.#context.now();
    // An acceptance is on a clock, and one under a known lease costs no query: it does not wait for its turn.
    if (message.value.type === "job.accept" && isLeasedTo(this.#context, agentId, message.value.fence)) {
      return this.#receive(ws, message.value, receivedAt);
    }
    const isHandled = await this.#turns.run(ws, () => this.#receive(ws, message.value, receivedAt));
    if (!isHandled) sockets.close(ws, CLOSE.rateLimited, "too many messages wait");
  }

  /** Handles a message, unless its socket has been closed or replaced since it arrived. */
  async #receive(ws: WebSocket, message: AgentMessage, receivedAt: number): Promise<void> {
    const context = this.#context;
    if (ws.readyState !== WebSocket.OPEN) return;
    const socket = { ws, agent: context.sockets.agentOf(ws) };
    if (message.type !== "hello") {
      // A frame that was in flight when the agent's next socket took over describes a past state.
      if (socket.agent.hello === null || context.sockets.of(socket.agent.id)?.ws !== ws) return;
      context.instances.noteActivity(socket.agent.id, socket.agent.hello.instanceId);
    }
    try {
      const reply = await this.#handler.handle(socket, message, receivedAt);
      if (reply !== null) context.sockets.send(ws, reply);
      if ("fence" in message && message.type !== "job.progress") context.jobChanged(message.fence.job_id);
    } catch (error) {
      // Without an ack the agent resends the message; a hello it resends only on a new connection.
      log("error", "message not handled", { type: message.type, agent: socket.agent.name }, error);
      if (message.type === "hello") context.sockets.close(ws, CLOSE.unavailable, "storage is not answering");
    }
  }

  /** @returns false when the agent has exceeded its budget; then the socket is closed */
  #spend(ws: WebSocket, points: number): boolean {
    const { id, name } = this.#context.sockets.agentOf(ws);
    if (this.#budgets.spend(id, points, this.#context.now())) return true;
    log("warn", "agent exceeded its message budget", { agent: name });
    this.#context.sockets.close(ws, CLOSE.rateLimited, "too many messages; reconnect later");
    return false;
  }

  override async webSocketClose(ws: WebSocket, code: number, reason: string): Promise<void> {
    if (isWatcher(ws)) return this.#watchers.sockets.close(ws);
    const { id, name } = this.#context.sockets.agentOf(ws);
    this.#context.sockets.close(ws, code, reason);
    log("info", "agent disconnected", { agent: name, code });
    await this.#disconnected(id);
  }

  override async webSocketError(ws: WebSocket): Promise<void> {
    if (isWatcher(ws)) return this.#watchers.sockets.close(ws);
    this.#context.sockets.close(ws, 1011, "");
    await this.#disconnected(this.#context.sockets.agentOf(ws).id);
  }

  async #disconnected(agentId: string): Promise<void> {
    try {
      await onAgentGone(this.#context, agentId);
    } catch (error) {
      log("warn", "disconnect not recorded", {}, error);
    }
  }

  override async alarm(): Promise<void> {
    this.#context.alarm.fired(this.#context.now());
    await this.#maintain();
  }

  async jobQueued(choice: EngineChoice, job?: WaitingJob): Promise<void> {
    await this.#assigner.assign(job);
    await withoutQueryValues(() =>
      job === undefined ? explainWaiting(this.#context, [choice]) : explainJob(this.#context, job),
    );
  }

  async jobsCancelled(jobIds: readonly string[]): Promise<void> {
    const freed = jobIds.filter((jobId) => this.#endCancelled(jobId));
    if (freed.length > 0) await this.#assigner.assign();
  }

  /** @returns whether an agent had the job */
  #endCancelled(jobId: string): boolean {
    const context = this.#context;
    context.jobChanged(jobId);
    const lease = context.leases.get(jobId);
    if (lease === null) return false;
    context.leases.remove(lease);
    context.writtenProgress.delete(jobId);
    const socket = context.sockets.of(lease.agentId);
    if (socket !== null) {
      context.sockets.send(socket.ws, {
        type: "job.cancel",
        fence: fenceOf(lease),
        reason: "cancelled through the API",
      });
    }
    return true;
  }

  drainAgent(agentId: string, deadlineMs: number): boolean {
    const context = this.#context;
    const socket = context.sockets.of(agentId);
    if (socket?.agent.hello == null) return false;
    const now = context.now();
    context.drains.begin(agentId, socket.agent.hello.instanceId, now + deadlineMs);
    sendDrain(context, socket, now);
    return true;
  }

  jobsDeleted(jobIds: readonly string[]): void {
    for (const jobId of jobIds) {
      this.#watchers.deleted(jobId);
      for (const { ws } of this.#context.sockets.open())
        this.#context.sockets.send(ws, { type: "job.forget", job_id: jobId });
    }
  }

  keyRevoked(keyId: string): void {
    this.#watchers.keyRevoked(keyId);
  }

  async agentDeleted(agentId: string): Promise<void> {
    const context = this.#context;
    for (const { ws } of context.sockets.allOf(agentId)) {
      context.sockets.close(ws, CLOSE.revoked, "this agent was deleted");
    }
    context.instances.forget(agentId);
    context.faults.forget(agentId);
    for (const lease of context.leases.ofAgent(agentId)) {
      await withoutQueryValues(() => loseLease(context, lease, "Its agent was removed."));
    }
    await this.#assigner.assign();
  }

  async releaseAgent(agentId: string): Promise<boolean | null> {
    const wasQuarantined = await withoutQueryValues(() => release(this.#context, agentId));
    await this.#assigner.assign();
    return wasQuarantined;
  }

  async tick(): Promise<void> {
    this.#context.sockets.refresh();
    this.#budgets.prune(this.#context.now());
    pruneCooldowns(this.#context);
    await withoutQueryValues(async () => {
      for (const id of await deletedAgents(this.#context)) await this.agentDeleted(id);
      await this.#maintain();
      await reconcilePresence(this.#context);
      await giveUpLost(this.#context);
      await saveFaults(this.#context);
      await explainWaiting(this.#context, EngineChoice.options);
      this.#watchers.streams.prune();
      await this.#watchers.tick();
    });
  }

  /** Never throws: the platform gives up on an alarm that failed six times, so this arms the next one itself. */
  async #maintain(): Promise<void> {
    const context = this.#context;
    markLostAgents(context);
    if (wasAway(context)) context.awakeSince = context.now();
    try {
      closeOverduePending(context);
      await reconcileLeases(context);
      await checkLeases(context);
      closeSilent(context);
      await this.#assigner.assign();
      this.#watchers.pumpAll();
    } catch (error) {
      log("error", "maintenance failed; it will be retried", {}, error);
      context.alarm.wakeAt(context.now() + context.timing.acceptMs);
    }
  }
}
