import type { SourceChange } from "./loader.ts";

/** A plausible or actual past bug in the shipped code. */
export interface Mutation {
  readonly name: string;
  /** One sentence about what goes wrong. */
  readonly is: string;
  /** The first seed that finds it. The search continues with later seeds when this one no longer does. */
  readonly found: number;
  readonly changes: readonly SourceChange[];
}

const DISPATCH = "control-plane/src/dispatch";
const WATCH = "control-plane/src/watch";
const ADDITIONS = "control-plane/migrations/0005_api_additions.sql";

/** Each must break an invariant within a few seeds. This proves that the simulation detects bugs. */
export const MUTATIONS: readonly Mutation[] = [
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
    found: 46,
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
    found: 383,
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
    name: "no-resync",
    is: "a job that its agent no longer reports is never checked",
    found: 25,
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
    name: "progress-falls",
    is: "late progress overwrites later progress",
    found: 293,
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
    name: "refence-without-outbox",
    is: "queued messages keep the lost lease",
    found: 404,
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
    name: "older-instance-stays",
    is: "a replaced process keeps its socket and may reconnect",
    found: 1122,
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
        file: `${DISPATCH}/candidates.ts`,
        search: "freeSlots: Math.max(0, offer.slots - load)",
        replace: "freeSlots: offer.slots",
      },
      {
        file: "gpu-agent/src/jobs/refuse-job.ts",
        search: "if (takenSlots >= capacity.slots)",
        replace: "if (takenSlots < 0)",
      },
    ],
  },
  {
    name: "losers-stay",
    is: "objects of lost attempts stay in storage",
    found: 5,
    changes: [
      {
        file: "control-plane/src/uploads/whole-files.ts",
        search: "if (strays.length > 0) await bucket.delete(strays);",
        replace: "",
      },
    ],
  },
  {
    name: "uploads-outlive-attempts",
    is: "an agent's next attempt resumes the uploads of the previous one",
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
    name: "progress-after-the-end",
    is: "progress of a failed job is still written",
    found: 357,
    changes: [
      {
        file: `${DISPATCH}/progress.ts`,
        search: '          inArray(jobs.status, statusesBefore("completed")),\n',
        replace: "",
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
    name: "running-deleted",
    is: "a running job can be deleted",
    found: 4,
    changes: [
      {
        file: "control-plane/src/jobs/delete.ts",
        search: "db.delete(jobs).where(areEnded),",
        replace: "db.delete(jobs).where(inList(jobs.id, ids)),",
      },
    ],
  },
  {
    name: "claim-unsettled",
    is: "a claim whose reply was lost is dropped, although D1 may have committed it",
    found: 83,
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
    name: "cancel-ignored",
    is: "an agent ignores a cancel",
    found: 387,
    changes: [
      { file: "gpu-agent/src/agent.ts", search: 'return run.stop("cancelled");', replace: "return;" },
    ],
  },
  {
    name: "claim-keeps-number",
    is: "a new attempt continues the previous one's message numbers",
    found: 11,
    changes: [{ file: "control-plane/src/jobs/transitions.ts", search: "      lastSeq: 0,\n", replace: "" }],
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
  {
    name: "key-after-job",
    is: "an idempotency key is stored after the job that it creates, not with it",
    found: 50,
    changes: [
      {
        file: "control-plane/src/idempotency/creation.ts",
        search: "db.batch([...statements, key])",
        replace: "db.batch(statements).then(() => db.batch([key]))",
      },
    ],
  },
  {
    name: "key-not-unique",
    is: "a second request with an idempotency key does not fail on the first one's row",
    found: 25,
    changes: [
      {
        file: "control-plane/src/idempotency/creation.ts",
        search: "answer: stored, createdAt: Date.now() });",
        replace: "answer: stored, createdAt: Date.now() }).onConflictDoNothing();",
      },
    ],
  },
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
    found: 538,
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
    found: 4,
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
    found: 209,
    changes: [
      {
        file: "control-plane/src/watch/watchers.ts",
        search: "      isHeld: keyId !== null,",
        replace: "      isHeld: false,",
      },
    ],
  },
  {
    name: "revoked-key-accepted",
    is: "a revoked key still counts",
    found: 169,
    changes: [
      {
        file: "control-plane/src/keys/authenticate-key.ts",
        search: "return revokedAt === null && (",
        replace: "return revokedAt !== 0 && (",
      },
    ],
  },
  {
    name: "removed-results-promised",
    is: "a job whose results are removed still lists them",
    found: 44,
    changes: [
      {
        file: "control-plane/src/maintenance/purge-results.ts",
        search: "      db.delete(results).where(and(eq(results.jobId, jobId), exists(purged))),\n",
        replace: "",
      },
    ],
  },
  {
    name: "needed-video-removed",
    is: "retention takes a video that a job waits for",
    found: 72,
    changes: [
      {
        file: "control-plane/src/uploads/expiry.ts",
        search: "or(isNull(jobs.endedAt), eq(jobs.pinned, true), gt",
        replace: "or(eq(jobs.pinned, true), gt",
      },
    ],
  },
  {
    name: "pinned-video-removed",
    is: "retention takes the video of a pinned job",
    found: 124,
    changes: [
      {
        file: "control-plane/src/uploads/expiry.ts",
        search: "or(isNull(jobs.endedAt), eq(jobs.pinned, true), gt",
        replace: "or(isNull(jobs.endedAt), gt",
      },
    ],
  },
  {
    name: "removed-video-promised",
    is: "jobs do not learn that their video was removed",
    found: 18,
    changes: [
      {
        file: "control-plane/src/uploads/uploads.ts",
        search: "isNull(jobs.inputPurgedAt), exists(marked))",
        replace: "isNull(jobs.inputPurgedAt), isNull(jobs.endedAt))",
      },
    ],
  },
  {
    name: "one-of-several-videos-removed",
    is: "retention does not know the jobs that use a video with others",
    found: 40,
    changes: [
      {
        file: "control-plane/src/uploads/upload-users.ts",
        search: "return or(eq(jobs.uploadId, uploadId), inArray(jobs.id, withOthers));",
        replace: "return eq(jobs.uploadId, uploadId);",
      },
    ],
  },
  {
    name: "webhook-not-retried",
    is: "a webhook that its receiver did not take is given up",
    found: 109,
    changes: [
      {
        file: "control-plane/src/webhooks/settlement.ts",
        search: "isGone(outcome) ? null : retryAt(tried, now)",
        replace: "responseStatus !== null ? null : retryAt(tried, now)",
      },
    ],
  },
  {
    name: "webhooks-not-found-again",
    is: "webhooks whose sender was not woken, or died, stay in the outbox",
    found: 55,
    changes: [
      {
        file: "control-plane/src/maintenance/scheduled.ts",
        search: ".finally(() => deliverMissedWebhooks(env, db))",
        replace: "",
      },
    ],
  },
  {
    name: "webhook-changes",
    is: "the attempts to deliver a webhook do not say the same",
    found: 7,
    changes: [
      {
        file: "control-plane/src/webhooks/event-body.ts",
        search: "const timestamp = offsetUtc(createdAt);",
        replace: "const timestamp = offsetUtc(Date.now() + 0 * createdAt);",
      },
    ],
  },
  {
    name: "webhook-without-change",
    is: "a webhook reports the status that its job had before",
    found: 9,
    changes: [
      {
        file: ADDITIONS,
        search: "json_object('task_id', NEW.task_id, 'status', NEW.status,",
        replace: "json_object('task_id', NEW.task_id, 'status', OLD.status,",
      },
    ],
  },
  {
    name: "webhook-started-once",
    is: "the start of a job's later attempts is not told",
    found: 87,
    changes: [
      {
        file: ADDITIONS,
        search: "AND told.event = 'job.started' AND told.payload ->> '$.attempt' = NEW.attempt",
        replace: "AND told.event = 'job.started'",
      },
    ],
  },
  {
    name: "quarantine-not-looked-at",
    is: "jobs are assigned to an agent that was quarantined meanwhile",
    found: 11,
    changes: [
      {
        file: `${DISPATCH}/candidates.ts`,
        search: " || quarantined.has(agent.id)) return [];",
        replace: ") return [];",
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
    name: "revoked-key-creates",
    is: "a job is created for a key that was revoked while its request was under way",
    found: 21,
    changes: [
      {
        file: ADDITIONS,
        search: `CREATE TRIGGER jobs_limited AFTER INSERT ON jobs WHEN NEW.api_key_id IS NOT NULL BEGIN
  SELECT RAISE(ABORT, 'refused: key_revoked')
    WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE id = NEW.api_key_id AND revoked_at IS NULL);`,
        replace: "CREATE TRIGGER jobs_limited AFTER INSERT ON jobs WHEN NEW.api_key_id IS NOT NULL BEGIN",
      },
    ],
  },
  {
    name: "revoked-key-told",
    is: "a receiver gets webhooks after the key that asked for them was revoked",
    found: 38,
    changes: [
      {
        file: "control-plane/src/webhooks/attempt.ts",
        search: "key.revokedAt !== null || ",
        replace: "",
      },
      {
        file: ADDITIONS,
        search: "(api_keys.id IS NOT NULL AND api_keys.revoked_at IS NULL)",
        replace: "api_keys.id IS NOT NULL",
      },
    ],
  },
  {
    name: "stored-bytes-not-freed",
    is: "results that are removed still count against their key's limit",
    found: 144,
    changes: [
      {
        file: ADDITIONS,
        search: "UPDATE api_keys SET bytes_stored = bytes_stored - OLD.size\n    WHERE",
        replace: "UPDATE api_keys SET bytes_stored = bytes_stored - 0\n    WHERE",
      },
    ],
  },
  {
    name: "keys-purged-early",
    is: "the purge removes idempotency keys that may still be sent again",
    found: 219,
    changes: [
      {
        file: "control-plane/src/idempotency/purge-keys.ts",
        search: "now - KEPT_MS",
        replace: "now",
      },
    ],
  },
  {
    name: "webhooks-of-registered-lost",
    is: "a registered webhook is told of jobs only that have a receiver of their own",
    found: 5,
    changes: [
      {
        file: ADDITIONS,
        search: "AND (NEW.callback IS NOT NULL OR EXISTS (SELECT 1 FROM webhooks))",
        replace: "AND NEW.callback IS NOT NULL",
      },
    ],
  },
  {
    name: "settles-other-receiver",
    is: "what one receiver has confirmed counts as delivered to all",
    found: 25,
    changes: [
      {
        file: "control-plane/src/webhooks/outbox.ts",
        search: `    eq(webhookDeliveries.sequence, sequence),
    eq(webhookDeliveries.receiver, receiver),`,
        replace:
          "    eq(webhookDeliveries.sequence, sequence),\n    receiver === '' ? undefined : undefined,",
      },
    ],
  },
  {
    name: "share-outlives-job",
    is: "a job's shares stay when it is deleted",
    found: 19,
    changes: [
      {
        file: "control-plane/src/jobs/delete.ts",
        search: "      db.delete(shares).where(inArray(shares.jobId, ended)),\n",
        replace: "",
      },
    ],
  },
  {
    name: "share-outlives-results",
    is: "a job's shares stay when retention removes its results",
    found: 321,
    changes: [
      {
        file: "control-plane/src/maintenance/purge-results.ts",
        search: "      db.delete(shares).where(and(eq(shares.jobId, jobId), exists(purged))),\n",
        replace: "",
      },
    ],
  },
  {
    name: "link-of-earlier-attempt",
    is: "a job that is completed while a link is made gets a link to an earlier attempt",
    found: 1036,
    changes: [
      {
        file: "control-plane/src/results/result-files.ts",
        search: '  if (job.status !== "completed") return null;\n',
        replace: "",
      },
    ],
  },
  {
    name: "link-serves-missing-results",
    is: "a signed link to removed results is answered, without a file",
    found: 377,
    changes: [
      {
        file: "control-plane/src/results/link-routes.ts",
        search: `if (response === null) throw new ApiError("link_not_found");`,
        replace: `if (response === null) return new Response("");`,
      },
    ],
  },
  {
    name: "presence-unreconciled",
    is: "an agent whose end was not reported is shown as connected for ever",
    found: 1,
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
        file: `${DISPATCH}/candidates.ts`,
        search: "    if (agent.hello === null) return [];\n",
        replace: "    if (agent.hello === null || agent.draining) return [];\n",
      },
    ],
  },
  {
    name: "tus-offset-unchecked",
    is: "a repeated tus request appends its bytes again",
    found: 113,
    changes: [
      {
        file: "control-plane/src/uploads/tus/routes.ts",
        search: "    if (offset !== offsetOf(found)) throw offsetMismatch(offsetOf(found));\n",
        replace: "",
      },
      {
        file: "control-plane/src/uploads/tus/tus-uploads.ts",
        search: "eq(tusUploads.received, offset), isFree))",
        replace: "isFree))",
      },
    ],
  },
  {
    name: "tus-writers-together",
    is: "two tus requests append at the same time",
    found: 22,
    changes: [
      {
        file: "control-plane/src/uploads/tus/tus-uploads.ts",
        search: "eq(tusUploads.received, offset), isFree))",
        replace: "eq(tusUploads.received, offset), isFree === undefined ? undefined : undefined))",
      },
      {
        file: "control-plane/src/uploads/tus/tus-uploads.ts",
        search: "const stillOurs = and(holds(turn), eq(tusUploads.received, from.received)) as SQL;",
        replace: "const stillOurs = eq(tusUploads.uploadId, uploadId) as SQL;",
      },
    ],
  },
  {
    name: "poll-without-read",
    is: "a long poll is answered with a version that never was",
    found: 22,
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

export function mutationNamed(name: string): Mutation | undefined {
  return MUTATIONS.find((mutation) => mutation.name === name);
}
