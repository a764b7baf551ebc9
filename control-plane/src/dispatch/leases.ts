import { CLOSE, fullJitterMs, TERMINAL_STATUSES } from "@splatt/shared";
import { and, eq, notInArray, type SQL, sql } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { agents, jobs } from "../db/schema.ts";
import { heldUnder, isWorkedOnUnder, leasedIn, lostSince } from "../jobs/conditions.ts";
import { errorText, log } from "../log.ts";
import { discardResultUploads } from "../maintenance/purge.ts";
import { accept, claimSucceeded, fenceOf, sendAssignment } from "./assign.ts";
import type { Hub } from "./hub.ts";
import { leaseDeadline } from "./lease-deadline.ts";
import type { Lease } from "./lease-table.ts";
import type { AgentSocket } from "./sockets.ts";

/** Acts on every lease whose deadline has passed, and sets the alarm for the next one. */
export async function checkLeases(hub: Hub): Promise<void> {
  for (const lease of hub.leases.all()) {
    if (deadlineOf(hub, lease) <= hub.now()) await onDeadline(hub, lease);
  }
  for (const lease of hub.leases.all()) hub.alarm.wakeAt(deadlineOf(hub, lease));
}

/** Whether some deadline was missed by so much that the control plane itself must have been away. */
export function wasAway(hub: Hub): boolean {
  const now = hub.now();
  return hub.leases.all().some((lease) => now - deadlineOf(hub, lease) > hub.timing.outageSlackMs);
}

/**
 * Agents that have no socket are counted as lost from now on: their grace does not begin before somebody sees that
 * they are gone. Sockets survive hibernation, but no restart; and one that was silent is closed wherever that is seen.
 */
export function noteLostAgents(hub: Hub): void {
  for (const lease of hub.leases.all()) {
    if (lease.lostAt === null && hub.sockets.of(lease.agentId) === null) markLost(hub, lease);
  }
}

/** The agent's socket is gone: its jobs wait for it to come back. */
export async function onAgentGone(hub: Hub, agentId: string): Promise<void> {
  if (hub.sockets.of(agentId) !== null) return;
  const now = hub.now();
  for (const lease of hub.leases.ofAgent(agentId)) {
    if (lease.lostAt === null) markLost(hub, lease);
  }
  await withRetry(() =>
    hub.db.update(agents).set({ connected: false, lastSeenAt: now }).where(eq(agents.id, agentId)),
  );
}

/** An agent that does not take jobs, or whose machine cannot do them, is left alone for a while: others get them. */
export function rest(hub: Hub, socket: AgentSocket): void {
  const until = hub.now() + hub.timing.rejectBackoffMs;
  hub.sockets.update(socket.ws, { restingUntil: until });
  hub.alarm.remember(until);
}

/** Takes a job away from an agent that is gone or forgot it, and puts it back into the queue. */
export async function loseLease(hub: Hub, lease: Lease, why: string): Promise<void> {
  const now = hub.now();
  const [job] = await hub.db
    .select({ lostLeases: jobs.lostLeases })
    .from(jobs)
    .where(heldUnder(fenceOf(lease), lease.agentId));
  if (job === undefined) {
    hub.leases.remove(lease);
    return;
  }
  const givenUp = job.lostLeases + 1 >= hub.timing.maxLostLeases;
  const nextAttemptAt = retryTime(hub, job.lostLeases);
  await withRetry(() =>
    hub.db
      .update(jobs)
      .set(
        givenUp
          ? {
              status: "failed",
              errorCode: "agent_lost",
              errorDetail: why,
              message: "Failed",
              endedAt: now,
              updatedAt: now,
              lostLeases: sql`${jobs.lostLeases} + 1`,
            }
          : {
              status: "queued",
              leaseId: null,
              agentId: null,
              lostLeaseId: lease.leaseId,
              lastAgentId: lease.agentId,
              etaSeconds: null,
              lostLeases: sql`${jobs.lostLeases} + 1`,
              nextAttemptAt,
              message: `Waiting to be tried again: ${why}`,
              updatedAt: now,
            },
      )
      .where(and(heldUnder(fenceOf(lease), lease.agentId), notInArray(jobs.status, [...TERMINAL_STATUSES]))),
  );
  hub.leases.remove(lease);
  if (givenUp) await discardResultUploads(hub.db, hub.bucket, lease.jobId);
  else hub.alarm.remember(nextAttemptAt);
  log("warn", "job lost its agent", { job: lease.jobId, attempt: lease.attempt, why, given_up: givenUp });
}

/** Fails jobs that lost their agent so long ago that nobody is going to run them any more. */
export async function giveUpLost(hub: Hub): Promise<void> {
  const now = hub.now();
  const givenUp = await withRetry(() =>
    hub.db
      .update(jobs)
      .set({
        status: "failed",
        errorCode: "agent_lost",
        errorDetail: "No agent has come to run it since.",
        message: "Failed",
        endedAt: now,
        updatedAt: now,
      })
      .where(lostSince(hub.pool, now - hub.timing.lostWaitMs))
      .returning({ id: jobs.id }),
  );
  for (const { id } of givenUp) {
    log("warn", "job given up: it lost its agent and found no other", { job: id });
    await discardResultUploads(hub.db, hub.bucket, id);
  }
}

/** When a job that is handed back may be given to somebody: at once. One that was lost before waits from now on. */
export function waitsAgain(hub: Hub): SQL {
  return sql`iif(${jobs.lostLeases} > 0, ${hub.now()}, NULL)`;
}

/** When a job that came back `tries` times is tried again. */
export function retryTime(hub: Hub, tries: number): number {
  const window = { minMs: hub.timing.retryMinMs, maxMs: hub.timing.retryMaxMs };
  return Math.round(hub.now() + fullJitterMs(tries, window, hub.random));
}

/**
 * Puts an assignment that the agent did not take back into the queue. It never began, so nothing is counted. Where it
 * has begun, and only the acceptance was lost, the lease stays.
 */
export async function returnToQueue(hub: Hub, lease: Lease, message: string): Promise<void> {
  await withRetry(() =>
    hub.db
      .update(jobs)
      .set({
        status: "queued",
        leaseId: null,
        agentId: null,
        lostLeaseId: lease.leaseId,
        nextAttemptAt: waitsAgain(hub),
        message,
        updatedAt: hub.now(),
      })
      .where(and(heldUnder(fenceOf(lease), lease.agentId), eq(jobs.status, "queued"))),
  );
  const hasBegun = await isWorkedOnUnder(hub.db, fenceOf(lease), lease.agentId);
  const current = hub.leases.get(lease.jobId);
  if (!hasBegun) hub.leases.remove(lease);
  else if (current?.leaseId === lease.leaseId) accept(hub, current);
}

/**
 * Brings leases and D1 together: a job that D1 says is leased but has no row here gets a full lease, and a
 * row that D1 does not know is dropped. Unfinished claims are settled at their own deadline.
 *
 * Of such a job that has not begun its agent may never have heard: a claim may have taken longer than its row here
 * lasted. An agent that is there is asked, by sending the assignment again.
 */
export async function settle(hub: Hub): Promise<void> {
  const before = new Set(hub.leases.all().map(({ leaseId }) => leaseId));
  const leased = await hub.db
    .select({
      id: jobs.id,
      attempt: jobs.attempt,
      leaseId: jobs.leaseId,
      agentId: jobs.agentId,
      status: jobs.status,
    })
    .from(jobs)
    .where(leasedIn(hub.pool));
  const known = new Set(leased.map(({ leaseId }) => leaseId));
  const now = hub.now();
  for (const { id, attempt, leaseId, agentId, status } of leased) {
    if (leaseId === null || agentId === null || hub.leases.get(id) !== null) continue;
    const isHere = hub.sockets.of(agentId) !== null;
    const lease = { jobId: id, attempt, leaseId, agentId, since: now, lostAt: isHere ? null : now };
    const wasSent = !isHere || status !== "queued";
    hub.leases.put({ ...lease, state: wasSent ? "held" : "sent", sends: wasSent ? 1 : 0 });
    if (!wasSent) hub.alarm.wakeAt(now + hub.timing.acceptMs);
  }
  for (const lease of hub.leases.all()) {
    // Only rows that were here before D1 was asked: a newer one may be newer than D1's answer.
    if (lease.state !== "claiming" && before.has(lease.leaseId) && !known.has(lease.leaseId)) {
      hub.leases.remove(lease);
    }
  }
}

function markLost(hub: Hub, lease: Lease): void {
  const now = hub.now();
  hub.leases.put({ ...lease, lostAt: now });
  hub.alarm.wakeAt(now + hub.timing.reconnectGraceMs);
}

function deadlineOf(hub: Hub, lease: Lease): number {
  const socket = hub.sockets.of(lease.agentId);
  const lastHeard = socket === null ? null : hub.sockets.lastHeard(socket);
  return leaseDeadline(lease, lastHeard, hub.awakeSince, hub.timing);
}

async function onDeadline(hub: Hub, lease: Lease): Promise<void> {
  try {
    if (lease.state === "claiming") {
      if (await claimSucceeded(hub, lease)) await onNotAccepted(hub, lease);
      else hub.leases.remove(lease);
    } else if (lease.state === "sent") {
      await onNotAccepted(hub, lease);
    } else {
      await onSilence(hub, lease);
    }
  } catch (error) {
    // D1 does not answer: the row stays, and the next alarm tries again.
    log("warn", "lease could not be settled", { job: lease.jobId, error: errorText(error) });
    hub.alarm.wakeAt(hub.now() + hub.timing.acceptMs);
  }
}

async function onNotAccepted(hub: Hub, lease: Lease): Promise<void> {
  if (lease.sends < 2 && (await sendAssignment(hub, lease))) return;
  const socket = hub.sockets.of(lease.agentId);
  if (socket !== null) rest(hub, socket);
  await returnToQueue(hub, lease, "Waiting: the agent did not take the job in time");
}

async function onSilence(hub: Hub, lease: Lease): Promise<void> {
  const socket = hub.sockets.of(lease.agentId);
  if (socket === null) {
    await loseLease(hub, lease, "the agent went away.");
    return;
  }
  // Half-open: the socket still looks fine, but nobody is there. Now the reconnect grace begins.
  hub.sockets.close(socket.ws, CLOSE.silent, "no heartbeat");
  await onAgentGone(hub, lease.agentId);
}
