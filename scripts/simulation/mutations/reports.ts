import type { Mutation } from "./mutation.ts";

const DISPATCH = "control-plane/src/dispatch";

/** What an agent's messages may change. */
export const REPORT_MUTATIONS: readonly Mutation[] = [
  {
    name: "no-lease-in-fence",
    is: "a job's changes are fenced by attempt and agent, but not by lease",
    found: 237,
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
    is: "a completion report is accepted under any lease",
    found: 204,
    changes: [
      {
        file: `${DISPATCH}/complete-job.ts`,
        search: "applyTransition(context.db, transition, applicable(message, agentId))",
        replace: "applyTransition(context.db, transition, eq(jobs.id, fence.job_id))",
      },
      // Messages without a lease are refused before that; both have to go.
      { file: `${DISPATCH}/message-handler.ts`, search: "if (!isKnown) {", replace: "if (false) {" },
    ],
  },
  {
    name: "results-without-guard",
    is: "result rows are written even when the batch does not complete the job",
    found: 759,
    changes: [
      {
        file: `${DISPATCH}/complete-job.ts`,
        search: "resultRows(files, completable)",
        replace: "resultRows(files, eq(jobs.id, fence.job_id))",
      },
    ],
  },
  {
    name: "complete-without-storage",
    is: "a job is completed without checking R2",
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
    is: "the end of a job is acked before the commit to D1",
    found: 11,
    changes: [
      {
        file: `${DISPATCH}/message-handler.ts`,
        search: 'case "job.fail":',
        replace: `case "job.fail":
        context.sockets.send(socket.ws, { type: "ack", fence: message.fence, seq: message.seq });`,
      },
    ],
  },
  {
    name: "no-read-back",
    is: "a repeated change, whose first reply was lost, is treated as lost to another writer",
    found: 7,
    changes: [
      {
        file: `${DISPATCH}/job-reports.ts`,
        search: 'return (await isHeldUnder(context.db, message.fence, agentId)) ? "repeated" : "stale";',
        replace: 'return "stale";',
      },
    ],
  },
  {
    name: "progress-falls",
    is: "late progress overwrites later progress",
    found: 416,
    changes: [
      { file: `${DISPATCH}/progress.ts`, search: "lte(jobs.progress, progress),", replace: "" },
      // The messages of a socket are handled in their order, which hides the first change.
      {
        file: `${DISPATCH}/dispatcher.ts`,
        search:
          "const isHandled = await this.#turns.run(ws, () => this.#receive(ws, message.value, receivedAt));",
        replace: "const isHandled = (await this.#receive(ws, message.value, receivedAt), true);",
      },
    ],
  },
  {
    name: "stages-go-back",
    is: "a late stage report moves the job back",
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
    name: "requests-unfenced",
    is: "an agent's request with a stale fence is accepted",
    found: 15,
    changes: [
      {
        file: "control-plane/src/agent-api/require-lease.ts",
        search: "return isUnderFence && job.agentId === agentId && !isTerminal(job.status);",
        replace: "return true;",
      },
    ],
  },
  {
    name: "progress-after-the-end",
    is: "progress of a failed job is still written",
    found: 473,
    changes: [
      {
        file: `${DISPATCH}/progress.ts`,
        search: '          inArray(jobs.status, statusesBefore("completed")),\n',
        replace: "",
      },
    ],
  },
  {
    name: "terminal-not-tested",
    is: "a lost lease requeues a job that has ended in the meantime",
    found: 164,
    changes: [
      {
        file: "control-plane/src/jobs/transitions.ts",
        search: "    .where(and(where, hasStatus(from)));",
        replace: "    .where(from.length > 1 ? where : and(where, hasStatus(from)));",
      },
    ],
  },
  {
    name: "failures-unlimited",
    is: "a job is retried without a limit on its failures",
    found: 27,
    changes: [
      {
        file: `${DISPATCH}/fail-attempt.ts`,
        search: "isRetryable(code) && failures < maxFailures",
        replace: "isRetryable(code)",
      },
    ],
  },
  {
    name: "failure-uncounted",
    is: "a failed attempt is retried without being counted",
    found: 11,
    changes: [
      {
        file: "control-plane/src/jobs/transitions.ts",
        search: "    failures,\n    errorCode",
        replace: "    failures: failures - 1,\n    errorCode",
      },
    ],
  },
];
