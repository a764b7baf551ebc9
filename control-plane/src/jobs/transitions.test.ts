import { env } from "cloudflare:workers";
import {
  ACTIVE_STATUSES,
  canTransition,
  isTerminal,
  JOB_STATUSES,
  type JobStatus,
  TRANSITIONS,
} from "@splatt/shared";
import { eq } from "drizzle-orm";
import { beforeAll, describe, expect, it } from "vitest";
import { database } from "../db/database.ts";
import { jobs } from "../db/schema.ts";
import { createJob } from "../testing/api.ts";
import { EMPTY_REPORT } from "../testing/scripted-agent.ts";
import {
  advance,
  applyTransition,
  cancel,
  claim,
  complete,
  type FailedAttempt,
  fail,
  giveUp,
  readopt,
  requeueFailed,
  requeueLost,
  requeueReturned,
  requeueUnaccepted,
  type Transition,
} from "./transitions.ts";

const db = database(env.DB);
const NOW = 2_000_000_000_000;
const failed: FailedAttempt = {
  failure: { code: "source_unreachable", detail: "It says no." },
  failures: 2,
  logTail: ["last line"],
  report: EMPTY_REPORT,
  seq: 7,
  now: NOW,
};

/** Every column that a transition may have to set, with a value that no transition leaves behind by accident. */
const BEFORE = {
  message: "before",
  progress: 40,
  attempt: 3,
  leaseId: "lease",
  agentId: "agent",
  lostLeaseId: "lost",
  lastAgentId: "last",
  lastSeq: 5,
  failures: 1,
  lostLeases: 1,
  nextAttemptAt: 1,
  etaSeconds: 60,
  errorCode: "disk_full",
  errorDetail: "before",
  logTail: ["before"],
  updatedAt: 1,
  startedAt: 1,
  endedAt: null,
} as const;

const WAITING = { leaseId: null, agentId: null, etaSeconds: null, updatedAt: NOW, endedAt: null };
const LEASED = {
  leaseId: "new lease",
  agentId: "new agent",
  lostLeaseId: null,
  nextAttemptAt: null,
  errorCode: null,
  errorDetail: null,
  updatedAt: NOW,
  endedAt: null,
};
const ENDED = { nextAttemptAt: null, etaSeconds: null, lostLeaseId: null, endedAt: NOW, updatedAt: NOW };
const REPORTED = {
  failures: 2,
  errorCode: "source_unreachable",
  errorDetail: "It says no.",
  logTail: ["last line"],
  report: EMPTY_REPORT,
  lastSeq: 7,
};
const lease = { leaseId: "new lease", agentId: "new agent", message: "new", now: NOW };

const CASES: readonly [name: string, transition: Transition, expected: object][] = [
  [
    "claim",
    claim({ ...lease, attempt: 4 }),
    { ...LEASED, attempt: 4, progress: 0, lastSeq: 0, etaSeconds: null, startedAt: 1, message: "new" },
  ],
  ...ACTIVE_STATUSES.map((status): [string, Transition, object] => [
    `readopt in ${status}`,
    readopt({ ...lease, status }),
    { ...LEASED, progress: 40, lastSeq: 5, attempt: 3 },
  ]),
  ...ACTIVE_STATUSES.map((status): [string, Transition, object] => [
    `advance to ${status}`,
    advance({ status, progress: 30, message: "new", seq: 6, now: NOW }),
    { leaseId: "lease", agentId: "agent", progress: 40, lastSeq: 6, etaSeconds: null, message: "new" },
  ]),
  [
    "complete",
    complete({ report: EMPTY_REPORT, seq: 9, now: NOW }),
    { ...ENDED, leaseId: "lease", agentId: "agent", progress: 100, logTail: null, lastSeq: 9 },
  ],
  ["fail", fail(failed), { ...ENDED, ...REPORTED, leaseId: "lease", agentId: "agent" }],
  [
    "requeueFailed",
    requeueFailed(failed, { agentId: "agent", nextAttemptAt: 99, maxFailures: 3 }),
    { ...WAITING, ...REPORTED, lostLeaseId: null, lastAgentId: "agent", nextAttemptAt: 99 },
  ],
  [
    "requeueLost",
    requeueLost({ leaseId: "lease", agentId: "agent", nextAttemptAt: 99, why: "gone.", now: NOW }),
    { ...WAITING, lostLeaseId: "lease", lastAgentId: "agent", nextAttemptAt: 99, lostLeases: 2 },
  ],
  [
    "requeueReturned",
    requeueReturned({ agentId: "agent", message: "new", seq: 8, now: NOW }),
    { ...WAITING, lostLeaseId: null, lastAgentId: "agent", nextAttemptAt: NOW, lostLeases: 1, lastSeq: 8 },
  ],
  [
    "requeueUnaccepted",
    requeueUnaccepted({ leaseId: "lease", message: "new", now: NOW }),
    { ...WAITING, lostLeaseId: "lease", lastAgentId: "last", nextAttemptAt: NOW, lostLeases: 1 },
  ],
  [
    "giveUp after a loss",
    giveUp({ detail: "gone.", countsLoss: true, now: NOW }),
    { ...ENDED, leaseId: null, errorCode: "agent_lost", errorDetail: "gone.", lostLeases: 2 },
  ],
  [
    "giveUp after a long wait",
    giveUp({ detail: "nobody.", countsLoss: false, now: NOW }),
    { ...ENDED, leaseId: null, errorCode: "agent_lost", errorDetail: "nobody.", lostLeases: 1 },
  ],
  ["cancel", cancel(NOW), { ...ENDED, leaseId: null, agentId: "agent", lastAgentId: "agent" }],
];

describe.each(CASES)("%s", (_, transition, expected) => {
  let id: string;
  beforeAll(async () => {
    id = await createJob();
  });

  it.each(JOB_STATUSES)("of a job that is %s", async (status) => {
    await db
      .update(jobs)
      .set({ ...BEFORE, logTail: [...BEFORE.logTail], status })
      .where(eq(jobs.id, id));
    const changed = await applyTransition(db, transition, eq(jobs.id, id)).returning({ id: jobs.id });
    const [after] = await db.select().from(jobs).where(eq(jobs.id, id));
    expect(changed.length).toBe(transition.from.includes(status) ? 1 : 0);
    if (changed.length === 0) expect(after).toMatchObject({ ...BEFORE, status });
    else {
      expect(canTransition(status, transition.to)).toBe(true);
      expect(after).toMatchObject({ ...expected, status: transition.to });
    }
  });
});

describe("the transitions together", () => {
  const made = new Set(CASES.flatMap(([, { from, to }]) => from.map((status) => `${status} to ${to}`)));
  const pairs = JOB_STATUSES.flatMap((from) => TRANSITIONS[from].map((to) => `${from} to ${to}`));

  it("make every change of status in the table, and no other", () => {
    expect([...made].toSorted()).toEqual(pairs.toSorted());
  });

  it("leave a terminal status alone", () => {
    const from = new Set<JobStatus>(CASES.flatMap(([, transition]) => [...transition.from]));
    expect([...from].filter(isTerminal)).toEqual([]);
  });
});

describe("the status, lease and attempt of a job", () => {
  const sources = import.meta.glob("../**/*.ts", { query: "?raw", import: "default", eager: true });

  it("are written by transitions only", () => {
    const writers = Object.entries(sources)
      .filter(([path, text]) => !path.includes(".test.ts") && text.includes(".update(jobs)"))
      .map(([path]) => path);
    // claim.ts makes the claim transition for many jobs at once; the others write progress, messages, callbacks, and
    // what retention keeps or has removed.
    expect(writers.toSorted()).toEqual([
      "../dispatch/claim.ts",
      "../dispatch/explain-waiting.ts",
      "../dispatch/progress.ts",
      "../maintenance/purge-results.ts",
      "../uploads/uploads.ts",
      "../webhooks/callback.ts",
      "./pin.ts",
      "./transitions.ts",
    ]);
  });
});
