import { claim } from "./claim.ts";
import { deliver } from "./deliver.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import type { FreeAgents } from "./free-agents.ts";
import type { Lease } from "./lease-table.ts";
import { runnableChoices } from "./placement.ts";
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
    // What the agents that are full by now could have run still counts: a job ahead may be one for them.
    const { choices, met } = openingOf(context.capacity.free(context));
    const leases = beginClaims(context, queue);
    if (leases.length === 0) return;
    const opening = { choices, met, slots: openingOf(context.capacity.free(context)).slots };
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
function beginClaims(context: DispatchContext, queue: readonly WaitingJob[]): Lease[] {
  const now = context.now();
  const leases: Lease[] = [];
  for (const job of queue) {
    // A job that has a lease here is not reconciled yet, whatever the queue says.
    if (context.leases.get(job.id) !== null) continue;
    const agentId = context.capacity.best(context, job);
    if (agentId === null) continue;
    const lease: Lease = {
      jobId: job.id,
      attempt: job.attempt + 1,
      leaseId: context.newLeaseId(),
      agentId,
      state: "claiming",
      since: now,
      sends: 0,
      lostAt: null,
    };
    context.leases.put(lease);
    leases.push(lease);
  }
  if (leases.length > 0) context.alarm.wakeAt(now + context.timing.acceptMs);
  return leases;
}

async function readQueue(context: DispatchContext): Promise<WaitingJob[]> {
  const opening = openingOf(context.capacity.free(context));
  const [first, ...others] = headOfQueue(context, opening);
  return first === undefined ? [] : inOrder(await context.db.batch([first, ...others]), opening);
}

/** The room that the agents have. A full agent's engines do not count. */
function openingOf(free: FreeAgents): Opening {
  const offers = free.offers();
  return {
    choices: runnableChoices(offers),
    slots: Math.min(free.slots, CLAIMS_AT_ONCE),
    met: {
      isOfSeveral: offers.some(({ takes_several_files }) => takes_several_files === true),
      hasScaleReference: offers.some(({ takes_scale_reference }) => takes_scale_reference === true),
    },
  };
}
