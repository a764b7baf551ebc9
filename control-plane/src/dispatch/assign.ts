import { candidates } from "./candidates.ts";
import { claim } from "./claim.ts";
import { deliver } from "./deliver.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import type { Lease } from "./lease-table.ts";
import { type Candidate, place, runnableChoices } from "./placement.ts";
import { headOfQueue, inOrder, type Opening, type WaitingJob } from "./queue.ts";

/** How many jobs are claimed in one D1 call: enough to make its delay small per job. */
const CLAIMS_AT_ONCE = 100;

/**
 * Gives queued jobs to agents with free slots until one of the two runs out. Runs one at a time: between two awaits
 * nothing else assigns, and what was read before an await is tested again by the conditional claim.
 *
 * @param fresh a job that was just created, if it is the only change: claimed without reading the queue first, and only
 * if it is the first in it
 */
export async function assignQueued(context: DispatchContext, fresh: WaitingJob | null): Promise<void> {
  let queue: readonly WaitingJob[] = fresh === null ? await readQueue(context) : [fresh];
  let isFirstKnown = fresh === null;
  while (queue.length > 0) {
    const agents = candidates(context);
    const leases = beginClaims(context, queue, agents);
    if (leases.length === 0) return;
    const opening = openingOf(agents, leases.length);
    const { specs, next } = await claim(context, leases, opening, isFirstKnown ? null : opening);
    for (const lease of leases) {
      const spec = specs.get(lease.leaseId);
      if (spec === undefined) context.leases.remove(lease);
      else deliver(context, lease, spec);
    }
    // A lost claim leaves a slot that `next` does not count.
    queue = next === null || specs.size < leases.length ? await readQueue(context) : next;
    isFirstKnown = true;
  }
}

/** Chooses agents for jobs, and records that before D1 is asked, so that the choice survives the end of this object. */
function beginClaims(
  context: DispatchContext,
  queue: readonly WaitingJob[],
  agents: readonly Candidate[],
): Lease[] {
  const now = context.now();
  const attempts = new Map(queue.map(({ id, attempt }) => [id, attempt]));
  // A job that has a lease here is not reconciled yet, whatever the queue says.
  const free = queue.filter(({ id }) => context.leases.get(id) === null);
  const leases = place(free, agents).map(
    ({ jobId, agentId }): Lease => ({
      jobId,
      attempt: (attempts.get(jobId) ?? 0) + 1,
      leaseId: context.newLeaseId(),
      agentId,
      state: "claiming",
      since: now,
      sends: 0,
      lostAt: null,
    }),
  );
  for (const lease of leases) context.leases.put(lease);
  if (leases.length > 0) context.alarm.wakeAt(now + context.timing.acceptMs);
  return leases;
}

async function readQueue(context: DispatchContext): Promise<WaitingJob[]> {
  const opening = openingOf(candidates(context), 0);
  const [first, ...others] = headOfQueue(context, opening);
  return first === undefined ? [] : inOrder(await context.db.batch([first, ...others]), opening);
}

/** The room that is left when `taken` slots of the agents are filled. A full agent's engines do not count. */
function openingOf(agents: readonly Candidate[], taken: number): Opening {
  const free = agents.filter(({ freeSlots }) => freeSlots > 0);
  const slots = free.reduce((sum, { freeSlots }) => sum + freeSlots, 0) - taken;
  return {
    choices: runnableChoices(free.map(({ offer }) => offer)),
    slots: Math.min(slots, CLAIMS_AT_ONCE),
    met: {
      isOfSeveral: free.some(({ offer }) => offer.takes_several_files === true),
      hasScaleReference: free.some(({ offer }) => offer.takes_scale_reference === true),
    },
  };
}
