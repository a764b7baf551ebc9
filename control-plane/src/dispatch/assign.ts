import { CLOSE, type EngineChoice, type Fence, type JobSpec } from "@splatt/shared";
import { and, eq, inArray, isNull, ne, sql } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { jobs } from "../db/schema.ts";
import { waitingFor } from "../jobs/conditions.ts";
import { log } from "../log.ts";
import { claim, specOf } from "./claim.ts";
import type { Hub } from "./hub.ts";
import type { Lease } from "./lease-table.ts";
import { type Candidate, place, runnableChoices, unmetNeed } from "./placement.ts";
import { headOfQueue, inOrder, type Opening, type WaitingJob } from "./queue.ts";

/** How many jobs are claimed in one call of D1: enough to make little of its delay. */
const CLAIMS_AT_ONCE = 100;

/**
 * Gives queued jobs to agents with free slots until one of the two runs out. Runs one at a time: between two
 * awaits nothing else assigns, and what was read before an await is checked again by the conditional claim.
 *
 * @param fresh a job that was just created, if that is why: claimed without reading the queue first, and only if it
 * is the first in it
 */
export async function assignQueued(hub: Hub, fresh: WaitingJob | null): Promise<void> {
  let queue: readonly WaitingJob[] = fresh === null ? await readQueue(hub) : [fresh];
  let isFirstKnown = fresh === null;
  while (queue.length > 0) {
    const agents = candidates(hub);
    const leases = beginClaims(hub, queue, agents);
    if (leases.length === 0) return;
    const opening = openingOf(agents, leases.length);
    const { specs, next } = await claim(hub, leases, opening, isFirstKnown ? null : opening.choices);
    for (const lease of leases) {
      const spec = specs.get(lease.leaseId);
      if (spec === undefined) hub.leases.remove(lease);
      else deliver(hub, lease, spec);
    }
    // A claim that was lost leaves a slot that `next` does not count.
    queue = next === null || specs.size < leases.length ? await readQueue(hub) : next;
    isFirstKnown = true;
  }
}

/** Sends an assignment again, or one whose claim was found to have succeeded; false when the agent has no socket. */
export async function sendAssignment(hub: Hub, lease: Lease): Promise<boolean> {
  const spec = await specOf(hub, lease);
  return spec !== null && deliver(hub, lease, spec);
}

/** The assignment has arrived: from now on the agent's heartbeat keeps the lease. */
export function accept(hub: Hub, lease: Lease): void {
  const now = hub.now();
  hub.leases.put({ ...lease, state: "held", since: now });
  hub.alarm.wakeAt(now + hub.timing.leaseMs);
}

export function fenceOf(lease: Pick<Lease, "jobId" | "attempt" | "leaseId">): Fence {
  return { job_id: lease.jobId, attempt: lease.attempt, lease_id: lease.leaseId };
}

/** One synchronous block: the output gate holds the frame back until the row is durable. */
function deliver(hub: Hub, lease: Lease, spec: JobSpec): boolean {
  const current = hub.leases.get(lease.jobId);
  const socket = hub.sockets.of(lease.agentId);
  if (current?.leaseId !== lease.leaseId || socket === null) return false;
  const now = hub.now();
  hub.leases.put({ ...current, state: "sent", since: now, sends: current.sends + 1 });
  hub.alarm.wakeAt(now + hub.timing.acceptMs);
  hub.sockets.send(socket.ws, { type: "job.assign", fence: fenceOf(lease), spec });
  log("info", "job assigned", { job: lease.jobId, attempt: lease.attempt, agent: socket.agent.name });
  return true;
}

/** Decides who gets which job, and notes that before D1 is asked: should the object end meanwhile, it knows. */
function beginClaims(hub: Hub, queue: readonly WaitingJob[], agents: readonly Candidate[]): Lease[] {
  const now = hub.now();
  const attempts = new Map(queue.map(({ id, attempt }) => [id, attempt]));
  // A job that has a lease here is not settled yet, whatever the queue says.
  const free = queue.filter(({ id }) => hub.leases.get(id) === null);
  const leases = place(free, agents).map(
    ({ jobId, agentId }): Lease => ({
      jobId,
      attempt: (attempts.get(jobId) ?? 0) + 1,
      leaseId: hub.newLeaseId(),
      agentId,
      state: "claiming",
      since: now,
      sends: 0,
      lostAt: null,
    }),
  );
  for (const lease of leases) hub.leases.put(lease);
  if (leases.length > 0) hub.alarm.wakeAt(now + hub.timing.acceptMs);
  return leases;
}

async function readQueue(hub: Hub): Promise<WaitingJob[]> {
  const opening = openingOf(candidates(hub), 0);
  const [first, ...others] = headOfQueue(hub, opening);
  return first === undefined ? [] : inOrder(await hub.db.batch([first, ...others]), opening);
}

/** What there is room for when `taken` slots of the agents are gone. An agent that is full holds nobody else up. */
function openingOf(agents: readonly Candidate[], taken: number): Opening {
  const free = agents.filter(({ freeSlots }) => freeSlots > 0);
  const slots = free.reduce((sum, { freeSlots }) => sum + freeSlots, 0) - taken;
  return { choices: runnableChoices(free.map(({ offer }) => offer)), slots: Math.min(slots, CLAIMS_AT_ONCE) };
}

/** A lost reply is not a lost claim: the row tells. */
export async function claimSucceeded(hub: Hub, lease: Lease): Promise<boolean> {
  const [job] = await hub.db.select({ leaseId: jobs.leaseId }).from(jobs).where(eq(jobs.id, lease.jobId));
  return job?.leaseId === lease.leaseId;
}

/** Agents that are there to take jobs. One whose heartbeat stopped is told so and left out. */
export function candidates(hub: Hub): Candidate[] {
  const now = hub.now();
  const silentBefore = now - hub.timing.leaseMs;
  const loads = hub.leases.countByAgent();
  return hub.sockets.open().flatMap((socket) => {
    const { agent, ws } = socket;
    if (agent.hello === null || agent.draining || agent.restingUntil > now) return [];
    if (hub.awakeSince < silentBefore && !hub.sockets.wasHeardSince(socket, silentBefore)) {
      hub.sockets.close(ws, CLOSE.silent, "no heartbeat");
      return [];
    }
    const { offer } = agent.hello;
    const load = loads.get(agent.id) ?? 0;
    return [{ agentId: agent.id, offer, load, freeSlots: Math.max(0, offer.slots - load) }];
  });
}

const UNMET_BATCH = 100;

/** Lets jobs that no connected agent can run say what they wait for. */
export async function sayUnmetNeeds(hub: Hub, choices: readonly EngineChoice[]): Promise<void> {
  const offers = hub.sockets.open().flatMap(({ agent }) => (agent.hello === null ? [] : [agent.hello.offer]));
  const unmet = choices.filter((choice) => unmetNeed(choice, hub.pool, offers) !== null);
  const [first, ...others] = (await askedFor(hub, unmet)).map((choice) => {
    const message = unmetNeed(choice, hub.pool, offers) ?? "";
    const unsaid = hub.db
      .select({ seq: jobs.seq })
      .from(jobs)
      .where(and(waitingFor(hub.pool, choice), isNull(jobs.nextAttemptAt), ne(jobs.message, message)))
      .limit(UNMET_BATCH);
    return hub.db
      .update(jobs)
      .set({ message, updatedAt: hub.now() })
      .where(and(waitingFor(hub.pool, choice), inArray(jobs.seq, unsaid)));
  });
  if (first !== undefined) await withRetry(() => hub.db.batch([first, ...others]));
}

/** Which of `choices` some waiting job asks for; mostly none, and then nothing more has to be asked. */
async function askedFor(hub: Hub, choices: readonly EngineChoice[]): Promise<EngineChoice[]> {
  if (choices.length === 0) return [];
  const rows = await hub.db.all<{ choice: EngineChoice }>(
    sql`SELECT value AS choice FROM json_each(${JSON.stringify(choices)})
        WHERE EXISTS (SELECT 1 FROM jobs WHERE pool = ${hub.pool} AND engine = value
                      AND status = 'queued' AND lease_id IS NULL)`,
  );
  return rows.map(({ choice }) => choice);
}
