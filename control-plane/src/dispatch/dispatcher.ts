import { DurableObject } from "cloudflare:workers";
import { AgentMessage, CLOSE, EngineChoice, MAX_FRAME_BYTES, type ServerMessage } from "@splatt/shared";
import { database } from "../db/database.ts";
import { withoutQueryValues } from "../db/store-errors.ts";
import type { Env } from "../env.ts";
import { ApiError, problemResponse } from "../http/problem.ts";
import { inRequest } from "../http/request-context.ts";
import { isHeldUnder, isUnfinishedUnder } from "../jobs/lease-conditions.ts";
import { log } from "../log.ts";
import { retentionOf } from "../maintenance/retention-settings.ts";
import { readWatchRequest } from "../watch/watch-request.ts";
import { isWatcher, WatchSockets } from "../watch/watch-sockets.ts";
import { Watchers } from "../watch/watchers.ts";
import { wakeSenders } from "../webhooks/wake.ts";
import { markLostAgents, onAgentGone } from "./agent-gone.ts";
import { AgentInstances } from "./agent-instances.ts";
import { type AgentSocket, AgentSockets } from "./agent-sockets.ts";
import { AlarmClock } from "./alarm-clock.ts";
import { assignQueued } from "./assign.ts";
import { coolDown } from "./backoff.ts";
import { onStage } from "./begin-stage.ts";
import { checkLeases, wasAway } from "./check-leases.ts";
import { onComplete } from "./complete-job.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { type DispatcherApi, decodeIdentity, IDENTITY_HEADER } from "./dispatcher-api.ts";
import { Drains } from "./drains.ts";
import { explainWaiting } from "./explain-waiting.ts";
import { onFail } from "./fail-attempt.ts";
import { FaultTable } from "./fault-table.ts";
import { accept, fenceOf, isLeasedTo } from "./held-lease.ts";
import { deletedAgents, onHeld, onHello, onOffer, sendDrain } from "./hello.ts";
import { abandon, type JobReportMessage, replyToStale } from "./job-reports.ts";
import { LeaseTable } from "./lease-table.ts";
import { giveUpLost, loseLease, returnUnaccepted } from "./lose-lease.ts";
import {
  CONNECT_POINTS,
  framePoints,
  MessageBudgets,
  messagePoints,
  UNKNOWN_LEASE_POINTS,
} from "./message-budget.ts";
import { release, saveFaults } from "./note-faults.ts";
import { admitPending, closeOverduePending } from "./pending-sockets.ts";
import { onProgress } from "./progress.ts";
import type { WaitingJob } from "./queue.ts";
import { recallPrefetched } from "./recall.ts";
import { reconcileLeases } from "./reconcile-leases.ts";
import { onReturned } from "./return-job.ts";
import { SocketTurns } from "./socket-turns.ts";
import { dispatchTiming } from "./timing.ts";

/**
 * One per pool: holds the agents' sockets and assigns jobs to them. This class only receives events; the functions of
 * this folder act on the DispatchContext. It uses no timers, so that it can hibernate: whatever waits uses the alarm.
 */
export class Dispatcher extends DurableObject<Env> implements DispatcherApi {
  readonly #context: DispatchContext;
  /** Assigning runs one at a time; a request during a run makes it run again. */
  #assigning: Promise<void> | null = null;
  #assignAgain = false;
  readonly #budgets = new MessageBudgets();
  readonly #turns = new SocketTurns();
  readonly #watchers: Watchers;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const alarm = new AlarmClock(ctx.storage);
    this.#context = {
      pool: ctx.id.name ?? "",
      db: database(env.DB),
      bucket: env.BUCKET,
      leases: new LeaseTable(ctx.storage.sql),
      instances: new AgentInstances(ctx.storage.sql),
      drains: new Drains(ctx.storage.sql),
      faults: new FaultTable(ctx.storage.sql),
      sockets: new AgentSockets(ctx),
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
      jobChanged: (jobId) => void this.#watchers.changed(jobId),
      greeting: new WeakSet(),
    };
    this.#watchers = new Watchers(this.#context, new WatchSockets(ctx));
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
      const reply = await this.#handle(socket, message, receivedAt);
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
    await this.#assign(job);
    await withoutQueryValues(() => explainWaiting(this.#context, [choice]));
  }

  async jobsCancelled(jobIds: readonly string[]): Promise<void> {
    const freed = jobIds.filter((jobId) => this.#endCancelled(jobId));
    if (freed.length > 0) await this.#assign();
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
      await withoutQueryValues(() => loseLease(context, lease, "its agent was deleted."));
    }
    await this.#assign();
  }

  async releaseAgent(agentId: string): Promise<boolean | null> {
    const wasQuarantined = await withoutQueryValues(() => release(this.#context, agentId));
    await this.#assign();
    return wasQuarantined;
  }

  async tick(): Promise<void> {
    this.#context.sockets.refresh();
    this.#budgets.prune(this.#context.now());
    await withoutQueryValues(async () => {
      for (const id of await deletedAgents(this.#context)) await this.agentDeleted(id);
      await this.#maintain();
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
      await this.#assign();
      this.#watchers.pumpAll();
    } catch (error) {
      log("error", "maintenance failed; it will be retried", {}, error);
      context.alarm.wakeAt(context.now() + context.timing.acceptMs);
    }
  }

  async #handle(
    socket: AgentSocket,
    message: AgentMessage,
    receivedAt: number,
  ): Promise<ServerMessage | null> {
    const context = this.#context;
    const agentId = socket.agent.id;
    switch (message.type) {
      case "hello":
        await onHello(context, socket, message);
        await this.#assign();
        await explainWaiting(context, EngineChoice.options);
        for (const { jobId } of context.leases.ofAgent(agentId)) context.jobChanged(jobId);
        return null;
      case "offer":
        await onOffer(context, socket, message.offer);
        await this.#assign();
        return null;
      case "job.held":
        await onHeld(context, socket, message.jobs, receivedAt);
        return null;
      case "job.cancelled":
        return { type: "ack", fence: message.fence, seq: message.seq };
      case "job.entries":
        this.#watchers.streams.onEntries(socket.ws, agentId, message);
        return null;
      default:
        return this.#handleReport(socket, message, agentId);
    }
  }

  /** A message about one job counts only from the agent that holds it. For any other it costs one query at most. */
  async #handleReport(
    socket: AgentSocket,
    message: JobReportMessage,
    agentId: string,
  ): Promise<ServerMessage | null> {
    const context = this.#context;
    const { fence } = message;
    const isKnown = isLeasedTo(context, agentId, fence);
    if (!isKnown) {
      if (message.type === "job.reject" || !this.#spend(socket.ws, UNKNOWN_LEASE_POINTS)) return null;
      // The lease table may have lost the row, or the attempt has ended and its report is repeated: D1 knows.
      if (!(await isHeldUnder(context.db, fence, agentId))) return replyToStale(message);
    }
    switch (message.type) {
      case "job.accept": {
        const lease = context.leases.get(fence.job_id);
        if (isKnown && lease !== null && lease.state !== "held") accept(context, lease);
        // A lease that only D1 knows is added by reconcileLeases.
        if (isKnown || (await isUnfinishedUnder(context.db, fence, agentId))) return null;
        return abandon(fence);
      }
      case "job.reject": {
        const lease = context.leases.get(fence.job_id);
        if (lease === null) return null;
        coolDown(context, socket);
        await returnUnaccepted(
          context,
          lease,
          `Waiting: the agent could not take the job. ${message.detail}`,
        );
        await this.#assign();
        return null;
      }
      case "job.stage":
        return onStage(context, agentId, message);
      case "job.progress": {
        if (isKnown) this.#watchers.progressed(message);
        const before = context.writtenProgress.get(fence.job_id);
        const reply = await onProgress(context, agentId, message);
        if (context.writtenProgress.get(fence.job_id) !== before) context.jobChanged(fence.job_id);
        return reply;
      }
      case "job.complete":
        return this.#endAttempt(socket, await onComplete(context, agentId, message));
      case "job.fail":
        return this.#endAttempt(socket, await onFail(context, agentId, message));
      case "job.returned":
      case "job.recalled":
        return this.#endAttempt(socket, await onReturned(context, agentId, message));
    }
  }

  /** Replies first, so that the agent has a free slot when the next job arrives. */
  async #endAttempt(socket: AgentSocket, reply: ServerMessage): Promise<null> {
    this.#context.sockets.send(socket.ws, reply);
    await this.#assign();
    return null;
  }

  /** @param fresh the job that was created, if that is the only change */
  async #assign(fresh?: WaitingJob): Promise<void> {
    if (this.#assigning === null) this.#assigning = this.#assignUntilQuiet(fresh ?? null);
    else this.#assignAgain = true;
    await this.#assigning;
  }

  /** Never throws: the event that led here is handled, and the queue is read again soon. */
  async #assignUntilQuiet(fresh: WaitingJob | null): Promise<void> {
    const context = this.#context;
    let job = fresh;
    try {
      do {
        this.#assignAgain = false;
        await assignQueued(context, job);
        await recallPrefetched(context);
        job = null;
      } while (this.#assignAgain);
    } catch (error) {
      log("error", "assigning failed; it will be retried", {}, error);
      context.alarm.wakeAt(context.now() + context.timing.acceptMs);
    } finally {
      this.#assigning = null;
    }
  }
}

function parseFrame(
  frame: string | ArrayBuffer,
): { ok: true; value: AgentMessage } | { ok: false; reason: string } {
  if (typeof frame !== "string") return { ok: false, reason: "only text frames are accepted" };
  if (frame.length > MAX_FRAME_BYTES || new TextEncoder().encode(frame).byteLength > MAX_FRAME_BYTES) {
    return { ok: false, reason: `a frame has at most ${MAX_FRAME_BYTES} bytes` };
  }
  let json: unknown;
  try {
    json = JSON.parse(frame);
  } catch {
    return { ok: false, reason: "not JSON" };
  }
  const parsed = AgentMessage.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const issue = parsed.error.issues[0];
  return { ok: false, reason: `not a message of this protocol: ${issue?.path.join(".")} ${issue?.message}` };
}
