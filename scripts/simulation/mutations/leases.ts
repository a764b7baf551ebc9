import type { Mutation } from "./mutation.ts";

const DISPATCH = "control-plane/src/dispatch";

/** Which agent gets which job, and for how long. */
export const LEASE_MUTATIONS: readonly Mutation[] = [
  {
    name: "no-resync",
    is: "a job that its agent no longer reports is never checked",
    found: 75,
    changes: [
      {
        file: `${DISPATCH}/hello.ts`,
        search: '.filter(({ leaseId, state }) => !continued.has(leaseId) && state !== "claiming");',
        replace: ".filter(() => false);",
      },
      {
        file: `${DISPATCH}/hello.ts`,
        search: 'if (attempts.length === 0 && lease.state === "held" && lease.since < receivedAt) {',
        replace: "if (attempts.length < 0) {",
      },
    ],
  },
  {
    name: "no-rearm",
    is: "the alarm is not rearmed for the remaining leases, and the minute's tick ignores them",
    found: 10,
    changes: [
      {
        file: `${DISPATCH}/check-leases.ts`,
        search: "for (const lease of context.leases.all()) context.alarm.wakeAt(deadlineOf(context, lease));",
        replace: "",
      },
      {
        file: `${DISPATCH}/dispatcher.ts`,
        search: "      await this.#maintain();\n      await reconcilePresence(this.#context);",
        replace: "      await reconcilePresence(this.#context);",
      },
    ],
  },
  {
    name: "older-instance-stays",
    is: "a replaced process keeps its socket and may reconnect",
    found: 1707,
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
    is: "neither side counts an agent's jobs",
    found: 7,
    changes: [
      {
        file: `${DISPATCH}/free-agents.ts`,
        search: "return offer.slots - load;",
        replace: "return offer.slots;",
      },
      {
        file: "gpu-agent/src/jobs/refuse-job.ts",
        search: "if (takenSlots >= capacity.slots)",
        replace: "if (takenSlots < 0)",
      },
    ],
  },
  {
    name: "claim-without-lease-test",
    is: "a job is claimed without checking for an existing lease",
    found: 387,
    changes: [
      {
        file: `${DISPATCH}/claim.ts`,
        search: `        eq(jobs.attempt, sql\`\${of("attempt")} - 1\`),
        STILL_WAITS,
`,
        replace: "",
      },
    ],
  },
  {
    name: "ended-resumed",
    is: "a reconnecting agent resumes a job that has ended",
    found: 88,
    changes: [
      {
        file: `${DISPATCH}/hello.ts`,
        search: "  if (isTerminal(job.status)) return",
        replace: "  if (false) return",
      },
    ],
  },
  {
    name: "losses-uncounted",
    is: "a job is retried without a limit on its lost leases",
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
    name: "claim-unsettled",
    is: "a claim whose reply was lost is dropped, although D1 may have committed it",
    found: 126,
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
    name: "claim-keeps-number",
    is: "a new attempt continues the previous one's message numbers",
    found: 11,
    changes: [{ file: "control-plane/src/jobs/transitions.ts", search: "      lastSeq: 0,\n", replace: "" }],
  },
  {
    name: "quarantine-not-looked-at",
    is: "jobs are assigned to an agent that was quarantined meanwhile",
    found: 74,
    changes: [
      {
        file: `${DISPATCH}/pool-capacity.ts`,
        search: "if (draining || isCooling || isQuarantined)",
        replace: "if (draining || isCooling)",
      },
      {
        file: `${DISPATCH}/deliver.ts`,
        search: "  if (context.faults.of(lease.agentId).quarantinedAt !== null) return false;\n",
        replace: "",
      },
    ],
  },
  {
    name: "quarantine-never-ends",
    is: "an agent that was released from quarantine still gets no job",
    found: 74,
    changes: [
      {
        file: `${DISPATCH}/fault-table.ts`,
        search: `"DELETE FROM agent_faults WHERE agent_id = ? AND unsaved = ? AND faults = ?"`,
        replace: `"SELECT 1 FROM agent_faults WHERE agent_id = ? AND unsaved = ? AND faults = ?"`,
      },
    ],
  },
  {
    name: "freed-agent-forgotten",
    is: "an agent whose job ended counts as full until it connects again",
    found: 201,
    changes: [
      {
        file: `${DISPATCH}/lease-table.ts`,
        search: '    this.#changed.add(lease.agentId);\n    this.#sql.exec("DELETE',
        replace: '    this.#sql.exec("DELETE',
      },
      { file: `${DISPATCH}/agent-sockets.ts`, search: "    this.#changed.addAll();\n", replace: "" },
    ],
  },
  {
    name: "presence-unreconciled",
    is: "an agent whose end was not reported is shown as connected for ever",
    found: 3,
    changes: [
      {
        file: `${DISPATCH}/dispatcher.ts`,
        search: "      await reconcilePresence(this.#context);\n",
        replace: "",
      },
    ],
  },
  {
    name: "draining-never-silent",
    is: "a draining agent that lost power is shown as connected for ever",
    found: 255,
    changes: [
      {
        file: `${DISPATCH}/silent-agents.ts`,
        search: "if (socket.agent.hello === null) continue;",
        replace: "if (socket.agent.hello === null || socket.agent.draining) continue;",
      },
    ],
  },
];
