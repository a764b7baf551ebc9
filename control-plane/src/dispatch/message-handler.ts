import type { AgentMessage, ServerMessage } from "@splatt/shared";
import { isHeldUnder, isUnfinishedUnder } from "../jobs/lease-conditions.ts";
import type { Watchers } from "../watch/watchers.ts";
import type { AgentSocket } from "./agent-sockets.ts";
import type { Assigner } from "./assigner.ts";
import { coolDown } from "./backoff.ts";
import { onStage } from "./begin-stage.ts";
import { onComplete } from "./complete-job.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { explainIfChanged } from "./explain-waiting.ts";
import { onFail } from "./fail-attempt.ts";
import { accept, isLeasedTo } from "./held-lease.ts";
import { onHeld, onHello, onOffer } from "./hello.ts";
import { abandon, type JobReportMessage, replyToStale } from "./job-reports.ts";
import { returnUnaccepted } from "./lose-lease.ts";
import { UNKNOWN_LEASE_POINTS } from "./message-budget.ts";
import { onProgress } from "./progress.ts";
import { onReturned } from "./return-job.ts";

/** Leads each message of an agent to the function that acts on it. */
export class MessageHandler {
  readonly #context: DispatchContext;
  readonly #watchers: Watchers;
  readonly #assigner: Assigner;
  readonly #spend: (ws: WebSocket, points: number) => boolean;

  /** @param spend takes points from the budget of a socket's agent; false closes the socket */
  constructor(
    context: DispatchContext,
    watchers: Watchers,
    assigner: Assigner,
    spend: (ws: WebSocket, points: number) => boolean,
  ) {
    this.#context = context;
    this.#watchers = watchers;
    this.#assigner = assigner;
    this.#spend = spend;
  }

  /** @returns the reply, or null when there is none or it has been sent */
  async handle(
    socket: AgentSocket,
    message: AgentMessage,
    receivedAt: number,
  ): Promise<ServerMessage | null> {
    const context = this.#context;
    const agentId = socket.agent.id;
    switch (message.type) {
      case "hello":
        await onHello(context, socket, message);
        await this.#assigner.assign();
        await explainIfChanged(context);
        for (const { jobId } of context.leases.ofAgent(agentId)) context.jobChanged(jobId);
        return null;
      case "offer":
        await onOffer(context, socket, message.offer);
        await this.#assigner.assign();
        await explainIfChanged(context);
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
        coolDown(context, agentId);
        await returnUnaccepted(
          context,
          lease,
          `Waiting: the agent could not take the job. ${message.detail}`,
        );
        await this.#assigner.assign();
        return null;
      }
      case "job.stage":
        if (isKnown) this.#watchers.stageBegan(fence.job_id);
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
    await this.#assigner.assign();
    return null;
  }
}
