import type { Mutation } from "./mutation.ts";

const WATCH = "control-plane/src/watch";

/** What those see who watch or poll a job. */
export const WATCH_MUTATIONS: readonly Mutation[] = [
  {
    name: "claim-keeps-version",
    is: "a job that is assigned keeps the version that its watchers have seen",
    found: 2,
    changes: [
      {
        file: "control-plane/src/jobs/transitions.ts",
        search: "      version: NEXT_VERSION,\n      updatedAt: now,\n      startedAt",
        replace: "      updatedAt: now,\n      startedAt",
      },
    ],
  },
  {
    name: "latecomer-misses-events",
    is: "a watcher that comes while its job is read gets the events that the others had not seen",
    found: 1278,
    changes: [
      {
        file: `${WATCH}/watchers.ts`,
        search: "for (const { ws } of behind) {",
        replace: "for (const { ws } of this.sockets.of(jobId)) {",
      },
    ],
  },
  {
    name: "watch-forgets-position",
    is: "what a watcher has seen is lost when the Dispatcher hibernates",
    found: 4,
    changes: [
      {
        file: `${WATCH}/watch-sockets.ts`,
        search: "    ws.serializeAttachment(watcher);\n    watchers.set(ws, watcher);",
        replace:
          "    if (!watchers.has(ws)) ws.serializeAttachment(watcher);\n    watchers.set(ws, watcher);",
      },
      {
        file: `${WATCH}/watch-sockets.ts`,
        search: "  const known = watchers.get(ws);\n  if (known !== undefined) return known;",
        replace: "",
      },
    ],
  },
  {
    name: "watch-cursor-ignored",
    is: "a watcher that comes back is sent what it has seen",
    found: 7,
    changes: [{ file: `${WATCH}/routes.ts`, search: "event: seen?.event ?? 0,", replace: "event: 0," }],
  },
  {
    name: "watch-ends-early",
    is: "a watch ends without the job's final state",
    found: 4,
    changes: [
      {
        file: `${WATCH}/watchers.ts`,
        search: "    if (job === undefined) return this.deleted(jobId);\n",
        replace:
          '    if (job === undefined) return this.deleted(jobId);\n    if (isTerminal(job.status)) return this.sockets.of(jobId).forEach(({ ws }) => this.sockets.end(ws, "job_ended"));\n',
      },
    ],
  },
  {
    name: "revocation-before-watches",
    is: "a key's revocation is confirmed before its watches have ended",
    found: 86,
    changes: [
      {
        file: "control-plane/src/keys/routes.ts",
        search: "    await endWatches(c.env, row);",
        replace: "    void endWatches(c.env, row).catch(() => undefined);",
      },
    ],
  },
  {
    name: "watcher-before-key",
    is: "a watcher gets messages before its key is read again",
    found: 842,
    changes: [
      {
        file: `${WATCH}/watchers.ts`,
        search: "      isHeld: keyId !== null,",
        replace: "      isHeld: false,",
      },
    ],
  },
  {
    name: "poll-without-read",
    is: "a long poll is answered with a version that never was",
    found: 31,
    changes: [
      {
        file: "control-plane/src/jobs/routes.ts",
        search: "return c.json(toStatusView(job, await filesOf(database(c.env.DB), job)));",
        replace:
          "return c.json(toStatusView(wait > 0 ? { ...job, version: job.version + 1 } : job, await filesOf(database(c.env.DB), job)));",
      },
    ],
  },
];
