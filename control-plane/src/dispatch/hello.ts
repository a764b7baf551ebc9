import {
  type AgentOffer,
  CLOSE,
  type HeldJob,
  type HeldVerdict,
  type Hello,
  isTerminal,
  MAX_WHOLE_FILE_BYTES,
  PROTOCOL_VERSION,
  sameFence,
  sameMajor,
} from "@splatt/shared";
import { eq, inArray, sql } from "drizzle-orm";
import manifest from "../../package.json" with { type: "json" };
import { withRetry } from "../db/database.ts";
import { agents, type JobRow, jobs } from "../db/schema.ts";
import { unfinishedAmong } from "../jobs/lease-conditions.ts";
import { log } from "../log.ts";
import type { AgentSocket } from "./agent-sockets.ts";
import { coolDown } from "./backoff.ts";
import { sendAssignment } from "./deliver.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { accept, fenceOf, isLeasedTo, recordHeldLease } from "./held-lease.ts";
import { abandon } from "./job-reports.ts";
import type { Lease } from "./lease-table.ts";
import { loseLease, returnUnaccepted } from "./lose-lease.ts";
import { quarantineOf } from "./note-faults.ts";
import { recordPresence } from "./presence.ts";
import { readopt } from "./readopt.ts";
import { agentIntervals } from "./timing.ts";

/**
 * `hello`: an agent says who it is, what it offers and which jobs it holds. The welcome tells it for each of them to
 * continue or to abandon it. A job that it was assigned but does not hold is sent again or requeued.
 */
export async function onHello(context: DispatchContext, socket: AgentSocket, hello: Hello): Promise<void> {
  const { ws, agent } = socket;
  // The socket was closed while the hello was in flight: this process was replaced, and must not replace others.
  if (ws.readyState !== WebSocket.OPEN) return;
  if (!sameMajor(hello.protocol, PROTOCOL_VERSION)) {
    const reason = `agent speaks protocol ${hello.protocol}, server ${PROTOCOL_VERSION}: update the older one`;
    return context.sockets.close(ws, CLOSE.incompatible, reason);
  }
  if (!context.instances.isNewest(agent.id, hello.instance_id)) {
    return context.sockets.close(ws, CLOSE.replaced, "a newer process uses this agent's token");
  }
  closeOlderSockets(context, socket, hello);
  if (!(await recordPresence(context, agent.id, { version: hello.version, offer: hello.offer }))) {
    return context.sockets.close(ws, CLOSE.revoked, "this agent was deleted");
  }

  const verdicts = await resolveHeldJobs(context, agent.id, hello.held);
  if (ws.readyState !== WebSocket.OPEN) return;

  const state = {
    hello: { instanceId: hello.instance_id, offer: hello.offer },
    cooldownUntil: context.cooldowns.get(agent.id) ?? 0,
    draining: false,
  };
  if (!context.sockets.update(ws, state)) return closeForOffer(context, ws);
  const quarantine = quarantineOf(context, agent.id);
  context.sockets.send(ws, {
    type: "welcome",
    protocol: PROTOCOL_VERSION,
    agent_id: agent.id,
    pool: context.pool,
    intervals: agentIntervals(context.timing),
    jobs: verdicts,
    version: manifest.version,
    max_whole_file_bytes: MAX_WHOLE_FILE_BYTES,
    ...(quarantine !== null && { quarantine }),
  });
  log("info", "agent connected", { agent: agent.name, version: hello.version, offer: hello.offer.reason });

  const continued = new Set(
    verdicts.flatMap((verdict) => (verdict.action === "continue" ? verdict.fence.lease_id : [])),
  );
  // The leases as they are now: the hello could not name a job that is assigned from here on.
  const missing = context.leases
    .ofAgent(agent.id)
    .filter(({ leaseId, state }) => !continued.has(leaseId) && state !== "claiming");
  sendDrain(context, { ws, agent: context.sockets.agentOf(ws) });
  await forgetDeleted(context, ws, hello.kept);

  for (const lease of missing) {
    const current = context.leases.get(lease.jobId);
    if (current?.leaseId !== lease.leaseId) continue;
    if (current.state === "sent") await assignAgain(context, current);
    else if (lease.state === "held")
      await loseLease(context, current, "The agent came back without the job.");
  }
}

/** An agent that connects again and again without accepting the job does not keep it. */
async function assignAgain(context: DispatchContext, lease: Lease): Promise<void> {
  if (lease.sends < MAX_SENDS) {
    await sendAssignment(context, lease);
    return;
  }
  coolDown(context, lease.agentId);
  await returnUnaccepted(context, lease, "Waiting: the agent reconnected without accepting the job.");
}

/** How often an assignment is sent, if the agent reconnects each time. */
const MAX_SENDS = 4;

/** `offer`: what the agent offers has changed. */
export async function onOffer(
  context: DispatchContext,
  { ws, agent }: AgentSocket,
  offer: AgentOffer,
): Promise<void> {
  if (agent.hello === null) return;
  if (!context.sockets.update(ws, { hello: { ...agent.hello, offer } })) return closeForOffer(context, ws);
  await withRetry(() => context.db.update(agents).set({ offer }).where(eq(agents.id, agent.id)));
}

function closeForOffer(context: DispatchContext, ws: WebSocket): void {
  context.sockets.close(ws, CLOSE.badMessage, "the offer is too large");
}

/** Sends `drain` to an agent that the owner asked to drain. */
export function sendDrain(context: DispatchContext, { ws, agent }: AgentSocket, now = context.now()): void {
  if (agent.hello === null) return;
  const until = context.drains.untilOf(agent.id, agent.hello.instanceId);
  if (until === null) return;
  context.sockets.update(ws, { draining: true });
  context.sockets.send(ws, { type: "drain", deadline_ms: Math.max(0, until - now) });
}

/** Sends `job.forget` for jobs that were deleted while the agent was away, so that it removes their files. */
async function forgetDeleted(
  context: DispatchContext,
  ws: WebSocket,
  kept: readonly string[],
): Promise<void> {
  if (kept.length === 0) return;
  const existing = await context.db
    .select({ id: jobs.id })
    .from(jobs)
    .where(inArray(jobs.id, [...kept]));
  const deleted = kept.filter((id) => !existing.some((job) => job.id === id));
  for (const jobId of deleted) context.sockets.send(ws, { type: "job.forget", job_id: jobId });
}

/**
 * `job.held`: the agent lists the jobs that it holds. One that it should hold but does not is requeued.
 *
 * @param receivedAt when the frame arrived. An acceptance does not wait for its turn, so it may have overtaken this list,
 * which says nothing about jobs accepted since.
 */
export async function onHeld(
  context: DispatchContext,
  socket: AgentSocket,
  held: readonly { fence: HeldJob["fence"] }[],
  receivedAt: number,
): Promise<void> {
  // A draining agent offers no slots. One that still does has missed the drain.
  if (socket.agent.hello?.offer.slots !== 0) sendDrain(context, socket);
  for (const lease of context.leases.ofAgent(socket.agent.id)) {
    // An attempt that was just re-adopted may still be listed under its old lease.
    const attempts = held.filter(
      ({ fence }) => fence.job_id === lease.jobId && fence.attempt === lease.attempt,
    );
    const holds = attempts.some(({ fence }) => sameFence(fence, fenceOf(lease)));
    if (holds && lease.state === "sent") accept(context, lease);
    if (attempts.length === 0 && lease.state === "held" && lease.since < receivedAt) {
      await loseLease(context, lease, "The agent no longer has the job.");
    }
  }
  const unknown = held.flatMap(({ fence }) => (isLeasedTo(context, socket.agent.id, fence) ? [] : fence));
  const confirmed = await unfinishedAmong(context.db, unknown, socket.agent.id);
  for (const fence of unknown) {
    if (!confirmed.has(fence.lease_id)) context.sockets.send(socket.ws, abandon(fence));
  }
}

function closeOlderSockets(context: DispatchContext, socket: AgentSocket, hello: Hello): void {
  for (const other of context.sockets.allOf(socket.agent.id)) {
    if (other.ws === socket.ws) continue;
    const sameProcess = other.agent.hello?.instanceId === hello.instance_id;
    context.sockets.close(
      other.ws,
      sameProcess ? CLOSE.drained : CLOSE.replaced,
      "replaced by a newer connection",
    );
  }
}

/** Agents that are connected or hold jobs although they were deleted: the notification was lost. */
export async function deletedAgents(context: DispatchContext): Promise<string[]> {
  const present = [
    ...context.sockets.open().map(({ agent }) => agent.id),
    ...context.leases.all().map(({ agentId }) => agentId),
  ];
  if (present.length === 0) return [];
  const rows = await context.db.all<{ id: string }>(
    sql`SELECT DISTINCT value AS id FROM json_each(${JSON.stringify(present)})
        WHERE NOT EXISTS (SELECT 1 FROM agents WHERE id = value)`,
  );
  return rows.map(({ id }) => id);
}

/** Decides for each job that the agent holds whether it continues, after one query for all of them. */
async function resolveHeldJobs(
  context: DispatchContext,
  agentId: string,
  held: readonly HeldJob[],
): Promise<HeldVerdict[]> {
  if (held.length === 0) return [];
  const { id, status, attempt, leaseId, agentId: holder, lostLeaseId, lastSeq } = jobs;
  const ids = JSON.stringify(held.map(({ fence }) => fence.job_id));
  const rows = await context.db
    .select({ id, status, attempt, leaseId, holder, lostLeaseId, lastSeq })
    .from(jobs)
    .where(inArray(jobs.id, sql`(SELECT value FROM json_each(${ids}))`));
  const byId = new Map(rows.map((row) => [row.id, row]));
  const verdicts: HeldVerdict[] = [];
  for (const job of held) {
    verdicts.push(await resolveHeldJob(context, agentId, job, byId.get(job.fence.job_id)));
  }
  return verdicts;
}

type HeldRow = Pick<JobRow, "status" | "attempt" | "leaseId" | "lostLeaseId" | "lastSeq"> & {
  readonly holder: string | null;
};

async function resolveHeldJob(
  context: DispatchContext,
  agentId: string,
  held: HeldJob,
  job: HeldRow | undefined,
): Promise<HeldVerdict> {
  const abandoned = (reason: string): HeldVerdict => ({ action: "abandon", held: held.fence, reason });
  if (job === undefined) return abandoned("the job was deleted");
  if (isTerminal(job.status)) return abandoned(`the job is ${job.status}`);
  if (job.attempt !== held.fence.attempt) return abandoned("another attempt has begun");

  if (job.leaseId === held.fence.lease_id && job.holder === agentId) {
    recordHeldLease(context, held.fence, agentId);
    return { action: "continue", held: held.fence, fence: held.fence, last_seq: job.lastSeq };
  }
  if (job.lostLeaseId === held.fence.lease_id) {
    const fence = await readopt(context, agentId, held);
    if (fence !== null) return { action: "continue", held: held.fence, fence, last_seq: job.lastSeq };
  }
  return abandoned("the job is no longer yours");
}
