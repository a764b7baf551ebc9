import { DurableObject } from "cloudflare:workers";
import {
  AgentMessage,
  CLOSE,
  EngineChoice,
  type Fence,
  MAX_FRAME_BYTES,
  type ServerMessage,
  sameFence,
} from "@splatt/shared";
import { IDENTITY_HEADER } from "../agents/socket-route.ts";
import type { AgentIdentity } from "../agents/tokens.ts";
import { database } from "../db/database.ts";
import type { Env } from "../env.ts";
import { isWorkedOnUnder } from "../jobs/conditions.ts";
import { errorText, log } from "../log.ts";
import { AgentInstances } from "./agent-instances.ts";
import { AlarmClock } from "./alarm-clock.ts";
import { accept, assignQueued, fenceOf, sayUnmetNeeds } from "./assign.ts";
import { Drains } from "./drains.ts";
import { deletedAgents, onHeld, onHello, onOffer, tellToDrain } from "./hello.ts";
import type { Hub } from "./hub.ts";
import { type Lease, LeaseTable } from "./lease-table.ts";
import {
  checkLeases,
  giveUpLost,
  loseLease,
  noteLostAgents,
  onAgentGone,
  rest,
  returnToQueue,
  settle,
  wasAway,
} from "./leases.ts";
import { onProgress } from "./progress.ts";
import type { WaitingJob } from "./queue.ts";
import { recallPrefetched } from "./recall.ts";
import { onComplete, onFail, onReturned, onStage } from "./reports.ts";
import { type AgentSocket, AgentSockets } from "./sockets.ts";
import { dispatchTiming } from "./timing.ts";

/**
 * One per pool: holds the agents' sockets and gives them jobs. It is a thin shell: events come in, the verbs
 * in this folder act on the Hub. No timers, so that it hibernates; everything that waits uses the alarm.
 */
export class Dispatcher extends DurableObject<Env> {
  readonly #hub: Hub;
  /** Assigning runs one at a time, and a request that comes meanwhile makes it run once more. */
  #assigning: Promise<void> | null = null;
  #assignAgain = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const alarm = new AlarmClock(ctx.storage);
    this.#hub = {
      pool: ctx.id.name ?? "",
      db: database(env.DB),
      bucket: env.BUCKET,
      leases: new LeaseTable(ctx.storage.sql),
      instances: new AgentInstances(ctx.storage.sql),
      drains: new Drains(ctx.storage.sql),
      sockets: new AgentSockets(ctx),
      timing: dispatchTiming(env.DISPATCH_TIMING),
      now: Date.now,
      random: Math.random,
      newLeaseId: () => crypto.randomUUID(),
      alarm,
      awakeSince: 0,
      writtenProgress: new Map(),
      recalled: new Set(),
    };
    void ctx.blockConcurrencyWhile(async () => {
      await alarm.load();
      noteLostAgents(this.#hub);
    });
  }

  /** The Worker routes an agent's upgrade here and says whose it is. */
  override async fetch(request: Request): Promise<Response> {
    const identity = JSON.parse(request.headers.get(IDENTITY_HEADER) ?? "") as AgentIdentity;
    return this.#hub.sockets.accept(identity, this.#hub.now());
  }

  override async webSocketMessage(ws: WebSocket, frame: string | ArrayBuffer): Promise<void> {
    const socket = { ws, agent: this.#hub.sockets.agentOf(ws) };
    const message = parseFrame(frame);
    if (!message.ok) return this.#hub.sockets.close(ws, CLOSE.badMessage, message.reason);
    if (message.value.type !== "hello") {
      if (socket.agent.hello === null)
        return this.#hub.sockets.close(ws, CLOSE.badMessage, "hello comes first");
      // A frame that was on its way when the agent's next socket took over tells of a state that is past.
      if (this.#hub.sockets.of(socket.agent.id)?.ws !== ws) return;
      this.#hub.instances.heard(socket.agent.id, socket.agent.hello.instanceId);
    }
    try {
      const answer = await this.#handle(socket, message.value);
      if (answer !== null) this.#hub.sockets.send(ws, answer);
    } catch (error) {
      // No ack: the agent sends the message again. A hello it sends on its next connection only.
      log("error", "message could not be handled", { type: message.value.type, error: errorText(error) });
      if (message.value.type === "hello")
        this.#hub.sockets.close(ws, CLOSE.unavailable, "storage is not answering");
    }
  }

  override async webSocketClose(ws: WebSocket, code: number, reason: string): Promise<void> {
    const { id, name } = this.#hub.sockets.agentOf(ws);
    this.#hub.sockets.close(ws, code, reason);
    log("info", "agent disconnected", { agent: name, code });
    await onAgentGone(this.#hub, id);
  }

  override async webSocketError(ws: WebSocket): Promise<void> {
    this.#hub.sockets.close(ws, 1011, "");
    await onAgentGone(this.#hub, this.#hub.sockets.agentOf(ws).id);
  }

  override async alarm(): Promise<void> {
    this.#hub.alarm.fired(this.#hub.now());
    await this.#maintain();
  }

  /**
   * A job of this pool was created.
   *
   * @param job absent when the Worker that calls is older than this
   */
  async jobQueued(choice: EngineChoice, job?: WaitingJob): Promise<void> {
    await this.#assign(job);
    await sayUnmetNeeds(this.#hub, [choice]);
  }

  /** A job was cancelled in D1: its agent stops at once. */
  async jobCancelled(jobId: string): Promise<void> {
    const hub = this.#hub;
    const lease = hub.leases.get(jobId);
    if (lease === null) return;
    hub.leases.remove(lease);
    hub.writtenProgress.delete(jobId);
    const socket = hub.sockets.of(lease.agentId);
    if (socket !== null) {
      hub.sockets.send(socket.ws, {
        type: "job.cancel",
        fence: fenceOf(lease),
        reason: "asked for by the API",
      });
    }
    await this.#assign();
  }

  /** @returns false when the agent is not connected */
  drainAgent(agentId: string, deadlineMs: number): boolean {
    const hub = this.#hub;
    const socket = hub.sockets.of(agentId);
    if (socket?.agent.hello == null) return false;
    const now = hub.now();
    hub.drains.begin(agentId, socket.agent.hello.instanceId, now + deadlineMs);
    tellToDrain(hub, socket, now);
    return true;
  }

  /** A job was deleted: agents that still have files of it remove them. */
  jobDeleted(jobId: string): void {
    for (const { ws } of this.#hub.sockets.open())
      this.#hub.sockets.send(ws, { type: "job.forget", job_id: jobId });
  }

  /** An agent was deleted: its socket closes and its jobs go back into the queue. */
  async agentDeleted(agentId: string): Promise<void> {
    const hub = this.#hub;
    for (const { ws } of hub.sockets.allOf(agentId)) {
      hub.sockets.close(ws, CLOSE.revoked, "this agent was deleted");
    }
    hub.instances.forget(agentId);
    for (const lease of hub.leases.ofAgent(agentId)) await loseLease(hub, lease, "its agent was deleted.");
    await this.#assign();
  }

  /** Once a minute: whatever was missed is found here. */
  async tick(): Promise<void> {
    this.#hub.sockets.relist();
    for (const id of await deletedAgents(this.#hub)) await this.agentDeleted(id);
    await this.#maintain();
    await giveUpLost(this.#hub);
    await sayUnmetNeeds(this.#hub, EngineChoice.options);
  }

  /** Never throws: the platform gives up on an alarm that failed six times, so it arms the next one itself. */
  async #maintain(): Promise<void> {
    const hub = this.#hub;
    noteLostAgents(hub);
    if (wasAway(hub)) hub.awakeSince = hub.now();
    try {
      await settle(hub);
      await checkLeases(hub);
      await this.#assign();
    } catch (error) {
      log("error", "maintenance failed and is tried again", { error: errorText(error) });
      hub.alarm.wakeAt(hub.now() + hub.timing.acceptMs);
    }
  }

  async #handle(socket: AgentSocket, message: AgentMessage): Promise<ServerMessage | null> {
    const hub = this.#hub;
    const agentId = socket.agent.id;
    switch (message.type) {
      case "hello":
        await onHello(hub, socket, message);
        await this.#assign();
        await sayUnmetNeeds(hub, EngineChoice.options);
        return null;
      case "offer":
        await onOffer(hub, socket, message.offer);
        await this.#assign();
        return null;
      case "job.accept": {
        const { fence } = message;
        const lease = this.#leaseUnder(fence);
        if (lease !== null && lease.state !== "held") accept(hub, lease);
        // A lease whose row is gone here, but which D1 knows, is taken up by settling.
        if (lease !== null || (await isWorkedOnUnder(hub.db, fence, agentId))) return null;
        return { type: "job.abandon", fence, reason: "the job is no longer yours" };
      }
      case "job.reject": {
        const lease = this.#leaseUnder(message.fence);
        if (lease === null) return null;
        rest(hub, socket);
        await returnToQueue(hub, lease, `Waiting: the agent could not take the job. ${message.detail}`);
        await this.#assign();
        return null;
      }
      case "job.held":
        await onHeld(hub, socket, message.jobs);
        return null;
      case "job.stage":
        return onStage(hub, agentId, message);
      case "job.progress":
        return onProgress(hub, agentId, message);
      case "job.complete":
        return this.#endedBy(socket, await onComplete(hub, agentId, message));
      case "job.fail":
        return this.#endedBy(socket, await onFail(hub, agentId, message));
      case "job.returned":
      case "job.recalled":
        return this.#endedBy(socket, await onReturned(hub, agentId, message));
      case "job.cancelled":
        return { type: "ack", fence: message.fence, seq: message.seq };
    }
  }

  /** The agent is answered first, so that it has a free slot when the next job comes. */
  async #endedBy(socket: AgentSocket, answer: ServerMessage): Promise<null> {
    this.#hub.sockets.send(socket.ws, answer);
    await this.#assign();
    return null;
  }

  #leaseUnder(fence: Fence): Lease | null {
    const lease = this.#hub.leases.get(fence.job_id);
    return lease !== null && sameFence(fenceOf(lease), fence) ? lease : null;
  }

  /** @param fresh what has come into the queue, if that is all that has changed */
  async #assign(fresh?: WaitingJob): Promise<void> {
    if (this.#assigning === null) this.#assigning = this.#assignUntilQuiet(fresh ?? null);
    else this.#assignAgain = true;
    await this.#assigning;
  }

  /** Never throws: what brought it about is done, and the queue is looked at again soon. */
  async #assignUntilQuiet(fresh: WaitingJob | null): Promise<void> {
    const hub = this.#hub;
    let job = fresh;
    try {
      do {
        this.#assignAgain = false;
        await assignQueued(hub, job);
        await recallPrefetched(hub);
        job = null;
      } while (this.#assignAgain);
    } catch (error) {
      log("error", "assigning failed and is tried again", { error: errorText(error) });
      hub.alarm.wakeAt(hub.now() + hub.timing.acceptMs);
    } finally {
      this.#assigning = null;
    }
  }
}

function parseFrame(
  frame: string | ArrayBuffer,
): { ok: true; value: AgentMessage } | { ok: false; reason: string } {
  if (typeof frame !== "string") return { ok: false, reason: "only text frames are spoken here" };
  if (new TextEncoder().encode(frame).byteLength > MAX_FRAME_BYTES) {
    return { ok: false, reason: `a frame may have ${MAX_FRAME_BYTES} bytes at the most` };
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
