import type { Mutation } from "./mutation.ts";

/** The agent's own records of its jobs. */
export const AGENT_MUTATIONS: readonly Mutation[] = [
  {
    name: "refence-without-outbox",
    is: "queued messages keep the lost lease",
    found: 592,
    changes: [{ file: "gpu-agent/src/jobs/outbox.ts", search: "outbox: refenced", replace: "outbox" }],
  },
  {
    name: "no-resend",
    is: "an unacked message is not resent",
    found: 13,
    changes: [
      {
        file: "gpu-agent/src/jobs/outbox.ts",
        search: "for (const message of this.#file.record.outbox) this.#send(message);",
        replace: "",
      },
    ],
  },
  {
    name: "uploads-outlive-attempts",
    is: "an agent's next attempt resumes the uploads of the previous one",
    found: 708,
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
    name: "cancel-ignored",
    is: "an agent ignores a cancel",
    found: 387,
    changes: [
      { file: "gpu-agent/src/agent.ts", search: 'return run.stop("cancelled");', replace: "return;" },
    ],
  },
];
