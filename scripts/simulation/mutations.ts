import type { SourceChange } from "./loader.ts";

/** A mistake that somebody could make in the shipped code, or has made. */
export interface Mutation {
  readonly name: string;
  /** What goes wrong, in a sentence. */
  readonly is: string;
  /** The first seed that has found it. Later ones do too, should this one come to do something else. */
  readonly found: number;
  readonly changes: readonly SourceChange[];
}

const DISPATCH = "control-plane/src/dispatch";

/** Each must break an invariant within a few seeds: the proof that the simulation would notice. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: "no-lease-in-fence",
    is: "changes of a job are fenced by its attempt and agent, but not by the lease",
    found: 9,
    changes: [
      {
        file: "control-plane/src/jobs/lease-conditions.ts",
        search: "    eq(jobs.leaseId, fence.lease_id),\n",
        replace: "",
      },
    ],
  },
  {
    name: "complete-without-fence",
    is: "whoever says that a job is complete is believed, whatever its lease",
    found: 1,
    changes: [
      {
        file: `${DISPATCH}/complete-job.ts`,
        search: "applyTransition(context.db, transition, applicable(message, agentId))",
        replace: "applyTransition(context.db, transition, eq(jobs.id, fence.job_id))",
      },
    ],
  },
  {
    name: "results-without-guard",
    is: "result rows are written whether or not the batch has completed the job",
    found: 1,
    changes: [
      {
        file: `${DISPATCH}/complete-job.ts`,
        search: ".where(completed))",
        replace: ".where(eq(jobs.id, fence.job_id)))",
      },
    ],
  },
  {
    name: "complete-without-storage",
    is: "a job is completed without a look at R2",
    found: 42,
    changes: [
      {
        file: `${DISPATCH}/complete-job.ts`,
        search: "if (missing.length > 0 && (await isHeldUnder(context.db, fence, agentId))) {",
        replace: "if (missing.length < 0) {",
      },
    ],
  },
  {
    name: "ack-before-commit",
    is: "the end of a job is acked before D1 has it",
    found: 8,
    changes: [
      {
        file: `${DISPATCH}/dispatcher.ts`,
        search: 'case "job.fail":',
        replace: `case "job.fail":
        context.sockets.send(socket.ws, { type: "ack", fence: message.fence, seq: message.seq });`,
      },
    ],
  },
  {
    name: "no-read-back",
    is: "a change that was made before, and whose answer was lost, is taken for one that somebody else won",
    found: 1,
    changes: [
      {
        file: `${DISPATCH}/job-reports.ts`,
        search: 'return (await isHeldUnder(context.db, message.fence, agentId)) ? "repeated" : "stale";',
        replace: 'return "stale";',
      },
    ],
  },
  {
    name: "no-resync",
    is: "nobody asks what became of a job that its agent no longer names",
    found: 7,
    changes: [
      {
        file: `${DISPATCH}/hello.ts`,
        search: '.filter(({ leaseId, state }) => !continued.has(leaseId) && state !== "claiming");',
        replace: ".filter(() => false);",
      },
      {
        file: `${DISPATCH}/hello.ts`,
        search: 'if (attempts.length === 0 && lease.state === "held") {',
        replace: "if (attempts.length < 0) {",
      },
    ],
  },
  {
    name: "no-rearm",
    is: "the alarm is not set again for the leases that are left, and the minute's tick does not look at them",
    found: 25,
    changes: [
      {
        file: `${DISPATCH}/check-leases.ts`,
        search: "for (const lease of context.leases.all()) context.alarm.wakeAt(deadlineOf(context, lease));",
        replace: "",
      },
      {
        file: `${DISPATCH}/dispatcher.ts`,
        search: "      await this.#maintain();\n      await giveUpLost(this.#context);",
        replace: "      await giveUpLost(this.#context);",
      },
    ],
  },
  {
    name: "progress-falls",
    is: "late progress overwrites later progress",
    found: 204,
    changes: [{ file: `${DISPATCH}/progress.ts`, search: "lte(jobs.progress, progress),", replace: "" }],
  },
  {
    name: "stages-go-back",
    is: "a stage that is reported late takes the job back",
    found: 1,
    changes: [
      {
        file: `${DISPATCH}/job-reports.ts`,
        search: 'message.type === "job.stage" ? lt(jobs.lastSeq, message.seq) : undefined,',
        replace: "",
      },
      {
        file: "control-plane/src/jobs/transitions.ts",
        search: "    from: statusesBefore(stage.status),",
        replace: "    from: ACTIVE_STATUSES,",
      },
      {
        file: "control-plane/src/jobs/transitions.ts",
        search: "import {\n  type ActiveStatus,",
        replace: "import {\n  ACTIVE_STATUSES,\n  type ActiveStatus,",
      },
    ],
  },
  {
    name: "refence-without-outbox",
    is: "messages that wait keep the lease that was lost",
    found: 272,
    changes: [{ file: "gpu-agent/src/jobs/outbox.ts", search: "outbox: refenced", replace: "outbox" }],
  },
  {
    name: "no-resend",
    is: "a message whose ack does not come is not sent again",
    found: 14,
    changes: [
      {
        file: "gpu-agent/src/jobs/outbox.ts",
        search: "for (const message of this.#file.record.outbox) this.#send(message);",
        replace: "",
      },
    ],
  },
  {
    name: "older-instance-stays",
    is: "the process that was replaced keeps its socket, and may come back",
    found: 633,
    changes: [
      { file: `${DISPATCH}/hello.ts`, search: "  closeOlderSockets(context, socket, hello);\n", replace: "" },
      {
        file: `${DISPATCH}/hello.ts`,
        search: "if (!context.instances.isNewest(agent.id, hello.instance_id)) {",
        replace: "if (hello.instance_id === '') {",
      },
    ],
  },
  {
    name: "slots-uncounted",
    is: "neither side counts the jobs that an agent has",
    found: 7,
    changes: [
      {
        file: `${DISPATCH}/candidates.ts`,
        search: "freeSlots: Math.max(0, offer.slots - load)",
        replace: "freeSlots: offer.slots",
      },
      {
        file: "gpu-agent/src/agent.ts",
        search: "if (this.#takenSlots >= capacity.slots)",
        replace: "if (this.#takenSlots < 0)",
      },
    ],
  },
  {
    name: "losers-stay",
    is: "objects of attempts that lost stay in storage",
    found: 1,
    changes: [
      {
        file: "control-plane/src/uploads/result-uploads.ts",
        search: "    await bucket.delete(row.r2Key);\n",
        replace: "",
      },
    ],
  },
  {
    name: "uploads-outlive-attempts",
    is: "an agent's next attempt goes on with the uploads of the one before",
    found: 350,
    changes: [
      {
        file: "gpu-agent/src/jobs/job-record.ts",
        search:
          "return { ...newJobRecord(fence, spec, now, record.stages), accepted_at: record.accepted_at };",
        replace:
          "return { ...newJobRecord(fence, spec, now, record.stages), accepted_at: record.accepted_at, uploads: record.uploads };",
      },
    ],
  },
  {
    name: "terminal-not-tested",
    is: "a lost lease puts a job back into the queue that has ended meanwhile",
    found: 159,
    changes: [
      {
        file: "control-plane/src/jobs/transitions.ts",
        search: "    .where(and(where, inArray(jobs.status, [...from])));",
        replace: "    .where(from.length > 1 ? where : and(where, inArray(jobs.status, [...from])));",
      },
    ],
  },
  {
    name: "claim-without-lease-test",
    is: "a job is claimed without a look at whether somebody has it",
    found: 380,
    changes: [
      {
        file: `${DISPATCH}/claim.ts`,
        search: `        eq(jobs.attempt, sql\`\${of("attempt")} - 1\`),
        IS_WAITING,
`,
        replace: "",
      },
    ],
  },
  {
    name: "requests-unfenced",
    is: "an agent's request counts however stale its fence is",
    found: 115,
    changes: [
      {
        file: "control-plane/src/agent-api/require-lease.ts",
        search: "return isUnderFence && job.agentId === agentId && !isTerminal(job.status);",
        replace: "return true;",
      },
    ],
  },
  {
    name: "ended-goes-on",
    is: "an agent that comes back with a job that has ended is told to go on",
    found: 97,
    changes: [
      {
        file: `${DISPATCH}/hello.ts`,
        search: "  if (isTerminal(job.status)) return",
        replace: "  if (false) return",
      },
    ],
  },
  {
    name: "progress-after-the-end",
    is: "progress of a job that has failed is still written",
    found: 770,
    changes: [
      {
        file: `${DISPATCH}/progress.ts`,
        search: '          inArray(jobs.status, statusesBefore("completed")),\n',
        replace: "",
      },
    ],
  },
  {
    name: "poison-goes-on",
    is: "a job is tried again however often it has failed",
    found: 42,
    changes: [
      {
        file: `${DISPATCH}/fail-attempt.ts`,
        search: "isRetryable(code) && failures < maxFailures",
        replace: "isRetryable(code)",
      },
    ],
  },
  {
    name: "losses-uncounted",
    is: "a job is tried again however many agents it has lost",
    found: 25,
    changes: [
      {
        file: `${DISPATCH}/lose-lease.ts`,
        search: "job.lostLeases + 1 >= context.timing.maxLostLeases",
        replace: "false",
      },
    ],
  },
  {
    name: "running-deleted",
    is: "a job that runs can be deleted",
    found: 1,
    changes: [
      {
        file: "control-plane/src/jobs/delete.ts",
        search:
          "      db.delete(jobs).where(and(eq(jobs.id, job.id), inArray(jobs.status, [...TERMINAL_STATUSES]))),\n    ]),",
        replace: "      db.delete(jobs).where(eq(jobs.id, job.id)),\n    ]),",
      },
    ],
  },
  {
    name: "stage-files-unchecked",
    is: "a stage that was finished before is reused though its files are gone",
    found: 1223,
    changes: [
      {
        file: "gpu-agent/src/pipeline/stage-runner.ts",
        search: "if (record?.key === key && (await filesIntact(this.dir(stage.name), record))) {",
        replace: "if (record?.key === key) {",
      },
    ],
  },
  {
    name: "claim-unsettled",
    is: "a claim whose answer was lost is given up, though D1 may have made it",
    found: 25,
    changes: [
      {
        file: `${DISPATCH}/check-leases.ts`,
        search:
          "      if (await claimSucceeded(context, lease)) await onNotAccepted(context, lease);\n      else context.leases.remove(lease);",
        replace: "      context.leases.remove(lease);",
      },
      {
        file: `${DISPATCH}/reconcile-leases.ts`,
        search:
          '    context.leases.put({ ...lease, state: wasSent ? "held" : "sent", sends: wasSent ? 1 : 0 });\n',
        replace: "",
      },
    ],
  },
  {
    name: "cancel-unheard",
    is: "an agent that is told of a cancel goes on",
    found: 28,
    changes: [
      { file: "gpu-agent/src/agent.ts", search: 'return run.stop("cancelled");', replace: "return;" },
    ],
  },
  {
    name: "claim-keeps-number",
    is: "a new attempt goes on counting messages from the last one's number",
    found: 7,
    changes: [{ file: "control-plane/src/jobs/transitions.ts", search: "      lastSeq: 0,\n", replace: "" }],
  },
  {
    name: "failure-uncounted",
    is: "an attempt that failed is tried again without being counted",
    found: 8,
    changes: [
      {
        file: "control-plane/src/jobs/transitions.ts",
        search: "    failures,\n    errorCode",
        replace: "    failures: failures - 1,\n    errorCode",
      },
    ],
  },
];

export function mutationNamed(name: string): Mutation | undefined {
  return MUTATIONS.find((mutation) => mutation.name === name);
}
