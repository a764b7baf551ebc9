import { CLOSE, type EngineChoice, type Fence, type JobSource, type JobSpec } from "@splatt/shared";
import { and, asc, eq, inArray, isNull, lte, ne, or, sql } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { jobs, uploads } from "../db/schema.ts";
import { waitingFor } from "../jobs/conditions.ts";
import { errorText, log } from "../log.ts";
import type { Hub } from "./hub.ts";
import type { Lease } from "./lease-table.ts";
import { type Candidate, place, type QueuedJob, runnableChoices, unmetNeed } from "./placement.ts";
import { type AgentSocket, closeQuietly } from "./sockets.ts";

/**
 * Gives queued jobs to agents with free slots until one of the two runs out. Runs one at a time: between two
 * awaits nothing else assigns, and what was read before an await is checked again by the conditional claim.
 */
export async function assignQueued(hub: Hub): Promise<void> {
  for (;;) {
    const agents = candidates(hub);
    const choices = runnableChoices(agents.map(({ offer }) => offer));
    const slots = agents.reduce((sum, { freeSlots }) => sum + freeSlots, 0);
    const queue = slots === 0 ? [] : await nextJobs(hub, choices, slots);
    const placements = place(queue, agents);
    if (placements.length === 0) break;
    for (const { jobId, agentId } of placements) {
      const job = queue.find(({ id }) => id === jobId);
      if (job !== undefined) await assign(hub, job, agentId);
    }
  }
}

/** Sends an assignment that was claimed, or sends it again; false when the agent has no socket. */
export async function sendAssignment(hub: Hub, lease: Lease): Promise<boolean> {
  const spec = await specOf(hub, lease.jobId);
  const current = hub.leases.get(lease.jobId);
  const socket = hub.sockets.of(lease.agentId);
  if (spec === null || current?.leaseId !== lease.leaseId || socket === null) return false;
  // One synchronous block: the output gate holds the frame back until the row is durable.
  const now = hub.now();
  hub.leases.put({ ...current, state: "sent", since: now, sends: current.sends + 1 });
  hub.alarm.wakeAt(now + hub.timing.acceptMs);
  hub.sockets.send(socket.ws, { type: "job.assign", fence: fenceOf(lease), spec });
  return true;
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

interface ClaimableJob extends QueuedJob {
  readonly attempt: number;
}

async function assign(hub: Hub, job: ClaimableJob, agentId: string): Promise<void> {
  const socket = hub.sockets.of(agentId);
  if (socket === null || hub.leases.get(job.id) !== null) return;
  const now = hub.now();
  const lease: Lease = {
    jobId: job.id,
    attempt: job.attempt + 1,
    leaseId: hub.newLeaseId(),
    agentId,
    state: "claiming",
    since: now,
    sends: 0,
    lostAt: null,
  };
  hub.leases.put(lease);
  hub.alarm.wakeAt(now + hub.timing.acceptMs);
  if (!(await claim(hub, lease, socket))) {
    hub.leases.remove(lease);
    return;
  }
  log("info", "job assigned", { job: job.id, attempt: lease.attempt, agent: socket.agent.name });
  await sendAssignment(hub, lease);
}

/** @returns whether the job is ours. When D1 does not answer, the `claiming` row stays for settling. */
async function claim(hub: Hub, lease: Lease, socket: AgentSocket): Promise<boolean> {
  const now = hub.now();
  try {
    const won = await hub.db
      .update(jobs)
      .set({
        attempt: lease.attempt,
        leaseId: lease.leaseId,
        agentId: lease.agentId,
        lostLeaseId: null,
        progress: 0,
        lastSeq: 0,
        etaSeconds: null,
        nextAttemptAt: null,
        message: `Assigned to ${socket.agent.name}`,
        updatedAt: now,
        startedAt: sql`coalesce(${jobs.startedAt}, ${now})`,
      })
      .where(
        and(
          eq(jobs.id, lease.jobId),
          eq(jobs.attempt, lease.attempt - 1),
          eq(jobs.status, "queued"),
          isNull(jobs.leaseId),
        ),
      )
      .returning({ id: jobs.id });
    if (won.length > 0) return true;
  } catch (error) {
    log("warn", "claiming a job: no answer from D1", { job: lease.jobId, error: errorText(error) });
  }
  return claimSucceeded(hub, lease);
}

/** A lost reply is not a lost claim: the row tells. */
export async function claimSucceeded(hub: Hub, lease: Lease): Promise<boolean> {
  const [job] = await hub.db.select({ leaseId: jobs.leaseId }).from(jobs).where(eq(jobs.id, lease.jobId));
  return job?.leaseId === lease.leaseId;
}

/** Agents that are there to take jobs. One whose heartbeat stopped is told so and left out. */
export function candidates(hub: Hub): Candidate[] {
  const now = hub.now();
  return hub.sockets.open().flatMap((socket) => {
    const { agent, ws } = socket;
    if (agent.hello === null || agent.draining || agent.restingUntil > now) return [];
    if (now - Math.max(hub.sockets.lastHeard(socket), hub.awakeSince) > hub.timing.leaseMs) {
      closeQuietly(ws, CLOSE.silent, "no heartbeat");
      return [];
    }
    const { offer } = agent.hello;
    const load = hub.leases.ofAgent(agent.id).length;
    return [{ agentId: agent.id, offer, load, freeSlots: Math.max(0, offer.slots - load) }];
  });
}

/** The first `limit` jobs of the queue that ask for one of `choices`, each choice read along its own index. */
async function nextJobs(hub: Hub, choices: readonly EngineChoice[], limit: number): Promise<ClaimableJob[]> {
  const due = or(isNull(jobs.nextAttemptAt), lte(jobs.nextAttemptAt, hub.now()));
  const [first, ...others] = choices.map((choice) =>
    hub.db
      .select({
        id: jobs.id,
        attempt: jobs.attempt,
        engine: jobs.engine,
        lastAgentId: jobs.lastAgentId,
        rank: jobs.rank,
      })
      .from(jobs)
      .where(and(waitingFor(hub.pool, choice), due))
      .orderBy(asc(jobs.rank))
      .limit(limit),
  );
  if (first === undefined) return [];
  const pages = await hub.db.batch([first, ...others]);
  return pages
    .flat()
    .toSorted((a, b) => a.rank - b.rank)
    .slice(0, limit);
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

async function specOf(hub: Hub, jobId: string): Promise<JobSpec | null> {
  const [job] = await hub.db
    .select({ url: jobs.sourceUrl, options: jobs.options, retryOf: jobs.retryOf, uploadSize: uploads.size })
    .from(jobs)
    .leftJoin(uploads, eq(uploads.id, jobs.uploadId))
    .where(eq(jobs.id, jobId));
  if (job === undefined) return null;
  const source: JobSource =
    job.url === null ? { kind: "upload", size: job.uploadSize ?? 0 } : { kind: "url", url: job.url };
  return { source, options: job.options, retry_of: job.retryOf };
}
