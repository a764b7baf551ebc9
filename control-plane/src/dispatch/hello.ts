import {
  type AgentOffer,
  CLOSE,
  type HeldJob,
  type HeldVerdict,
  type Hello,
  isTerminal,
  PROTOCOL_VERSION,
  sameFence,
  sameMajor,
} from "@splatt/shared";
import { eq, inArray, sql } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { agents, jobs } from "../db/schema.ts";
import { isWorkedOnUnder } from "../jobs/conditions.ts";
import { log } from "../log.ts";
import { accept, fenceOf, sendAssignment } from "./assign.ts";
import type { Hub } from "./hub.ts";
import { loseLease } from "./leases.ts";
import { hold, readopt } from "./readopt.ts";
import type { AgentSocket } from "./sockets.ts";
import { agentIntervals } from "./timing.ts";

/**
 * An agent says who it is, what it offers and which jobs it still holds. It is told, for each of them, to go
 * on or to drop it; what it was given but does not hold is sent again or goes back into the queue.
 */
export async function onHello(hub: Hub, socket: AgentSocket, hello: Hello): Promise<void> {
  const { ws, agent } = socket;
  // The socket was closed while the hello was on its way: its process was told to go, and must take nobody with it.
  if (ws.readyState !== WebSocket.OPEN) return;
  if (!sameMajor(hello.protocol, PROTOCOL_VERSION)) {
    const reason = `agent speaks protocol ${hello.protocol}, server ${PROTOCOL_VERSION}: update the older one`;
    return hub.sockets.close(ws, CLOSE.incompatible, reason);
  }
  if (!hub.instances.isNewest(agent.id, hello.instance_id)) {
    return hub.sockets.close(ws, CLOSE.replaced, "a newer process uses this agent's token");
  }
  closeOlderSockets(hub, socket, hello);
  if (!(await registerAgent(hub, agent.id, hello))) {
    return hub.sockets.close(ws, CLOSE.revoked, "this agent was deleted");
  }

  const verdicts: HeldVerdict[] = [];
  for (const held of hello.held) verdicts.push(await judgeHeld(hub, agent.id, held));
  if (ws.readyState !== WebSocket.OPEN) return;

  hub.sockets.update(ws, {
    hello: { instanceId: hello.instance_id, offer: hello.offer },
    restingUntil: 0,
    draining: false,
  });
  hub.sockets.send(ws, {
    type: "welcome",
    protocol: PROTOCOL_VERSION,
    agent_id: agent.id,
    pool: hub.pool,
    intervals: agentIntervals(hub.timing),
    jobs: verdicts,
  });
  log("info", "agent connected", { agent: agent.name, version: hello.version, offer: hello.offer.reason });

  const goesOn = new Set(
    verdicts.flatMap((verdict) => (verdict.action === "continue" ? verdict.fence.lease_id : [])),
  );
  // As they are now: what the agent is given from here on its hello could not tell of.
  const missing = hub.leases
    .ofAgent(agent.id)
    .filter(({ leaseId, state }) => !goesOn.has(leaseId) && state !== "claiming");
  tellToDrain(hub, { ws, agent: hub.sockets.agentOf(ws) });
  await forgetDeleted(hub, ws, hello.kept);

  for (const lease of missing) {
    const current = hub.leases.get(lease.jobId);
    if (current?.leaseId !== lease.leaseId) continue;
    if (current.state === "sent") await sendAssignment(hub, current);
    else if (lease.state === "held") await loseLease(hub, current, "the agent came back without the job.");
  }
}

/** What the agent offers has changed. */
export async function onOffer(hub: Hub, { ws, agent }: AgentSocket, offer: AgentOffer): Promise<void> {
  if (agent.hello === null) return;
  hub.sockets.update(ws, { hello: { ...agent.hello, offer } });
  await withRetry(() => hub.db.update(agents).set({ offer }).where(eq(agents.id, agent.id)));
}

/** Tells an agent to drain, if it is to. */
export function tellToDrain(hub: Hub, { ws, agent }: AgentSocket, now = hub.now()): void {
  if (agent.hello === null) return;
  const until = hub.drains.untilOf(agent.id, agent.hello.instanceId);
  if (until === null) return;
  hub.sockets.update(ws, { draining: true });
  hub.sockets.send(ws, { type: "drain", deadline_ms: Math.max(0, until - now) });
}

/** Jobs that were deleted while the agent was away: it removes what it has of them. */
async function forgetDeleted(hub: Hub, ws: WebSocket, kept: readonly string[]): Promise<void> {
  if (kept.length === 0) return;
  const there = await hub.db
    .select({ id: jobs.id })
    .from(jobs)
    .where(inArray(jobs.id, [...kept]));
  const deleted = kept.filter((id) => !there.some((job) => job.id === id));
  for (const jobId of deleted) hub.sockets.send(ws, { type: "job.forget", job_id: jobId });
}

/** The agent says what it holds now: what it should hold but does not is sent again or taken back. */
export async function onHeld(
  hub: Hub,
  socket: AgentSocket,
  held: readonly { fence: HeldJob["fence"] }[],
): Promise<void> {
  // One that drains offers no slots; one that still does has not heard of it.
  if (socket.agent.hello?.offer.slots !== 0) tellToDrain(hub, socket);
  for (const lease of hub.leases.ofAgent(socket.agent.id)) {
    // The attempt that it was just given again, under another lease, it may still say under the old one.
    const attempts = held.filter(
      ({ fence }) => fence.job_id === lease.jobId && fence.attempt === lease.attempt,
    );
    const holds = attempts.some(({ fence }) => sameFence(fence, fenceOf(lease)));
    if (holds && lease.state === "sent") accept(hub, lease);
    if (attempts.length === 0 && lease.state === "held") {
      await loseLease(hub, lease, "the agent no longer has the job.");
    }
  }
  for (const { fence } of held) {
    const lease = hub.leases.get(fence.job_id);
    if (lease !== null && sameFence(fence, fenceOf(lease))) continue;
    if (!(await isWorkedOnUnder(hub.db, fence, socket.agent.id))) {
      hub.sockets.send(socket.ws, { type: "job.abandon", fence, reason: "the job is no longer yours" });
    }
  }
}

function closeOlderSockets(hub: Hub, socket: AgentSocket, hello: Hello): void {
  for (const other of hub.sockets.allOf(socket.agent.id)) {
    if (other.ws === socket.ws) continue;
    const sameProcess = other.agent.hello?.instanceId === hello.instance_id;
    hub.sockets.close(
      other.ws,
      sameProcess ? CLOSE.drained : CLOSE.replaced,
      "replaced by a newer connection",
    );
  }
}

/** @returns false when the agent was deleted meanwhile */
async function registerAgent(hub: Hub, agentId: string, hello: Hello): Promise<boolean> {
  const rows = await withRetry(() =>
    hub.db
      .update(agents)
      .set({ connected: true, version: hello.version, offer: hello.offer, lastSeenAt: hub.now() })
      .where(eq(agents.id, agentId))
      .returning({ id: agents.id }),
  );
  return rows.length > 0;
}

/** Agents that are here or have jobs, but were deleted without the Dispatcher's hearing of it. */
export async function deletedAgents(hub: Hub): Promise<string[]> {
  const known = [
    ...hub.sockets.open().map(({ agent }) => agent.id),
    ...hub.leases.all().map(({ agentId }) => agentId),
  ];
  if (known.length === 0) return [];
  const rows = await hub.db.all<{ id: string }>(
    sql`SELECT DISTINCT value AS id FROM json_each(${JSON.stringify(known)})
        WHERE NOT EXISTS (SELECT 1 FROM agents WHERE id = value)`,
  );
  return rows.map(({ id }) => id);
}

async function judgeHeld(hub: Hub, agentId: string, held: HeldJob): Promise<HeldVerdict> {
  const { status, attempt, leaseId, agentId: holder, lostLeaseId, lastSeq } = jobs;
  const [job] = await hub.db
    .select({ status, attempt, leaseId, holder, lostLeaseId, lastSeq })
    .from(jobs)
    .where(eq(jobs.id, held.fence.job_id));
  const abandon = (reason: string): HeldVerdict => ({ action: "abandon", held: held.fence, reason });
  if (job === undefined) return abandon("the job was deleted");
  if (isTerminal(job.status)) return abandon(`the job is ${job.status}`);
  if (job.attempt !== held.fence.attempt) return abandon("another attempt has begun");

  if (job.leaseId === held.fence.lease_id && job.holder === agentId) {
    hold(hub, held.fence, agentId);
    return { action: "continue", held: held.fence, fence: held.fence, last_seq: job.lastSeq };
  }
  if (job.lostLeaseId === held.fence.lease_id) {
    const fence = await readopt(hub, agentId, held);
    if (fence !== null) return { action: "continue", held: held.fence, fence, last_seq: job.lastSeq };
  }
  return abandon("the job is no longer yours");
}
