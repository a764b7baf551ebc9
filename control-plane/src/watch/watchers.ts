import { isTerminal, type JobProgress, sameFence, WATCH_ACK } from "@splatt/shared";
import { and, asc, eq, gt, inArray, isNull, or, sql } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { apiKeys, type JobRow, jobEvents, jobs } from "../db/schema.ts";
import type { DispatchContext } from "../dispatch/dispatch-context.ts";
import { fenceOf } from "../dispatch/held-lease.ts";
import { ApiError, problemResponse } from "../http/problem.ts";
import { fileDates } from "../jobs/file-dates.ts";
import { toJobEvent, toJobView } from "../jobs/job-views.ts";
import { log } from "../log.ts";
import { filesOf } from "../results/result-files.ts";
import { AgentStreams } from "./agent-streams.ts";
import { storedLines } from "./stored-log.ts";
import type { WatchRequest } from "./watch-request.ts";
import type { WatchSocket, WatchSockets } from "./watch-sockets.ts";

/** A message of log lines has at most this many characters. */
const STORED_LOG_PIECE = { lines: 1000, chars: 48 * 1024 };

/**
 * Tells watchers what happens to their jobs. D1 has the truth: after a change that somebody watches, the job is read
 * once for all of its watchers, and each gets what it has not seen. A change that is missed here is found at the tick.
 */
export class Watchers {
  readonly sockets: WatchSockets;
  readonly streams: AgentStreams;
  readonly #context: DispatchContext;
  /** The jobs that are being read; true when they changed again meanwhile. */
  readonly #reading = new Map<string, boolean>();
  /** The latest progress within the current stage of each job, for those who come later. Kept in memory alone. */
  readonly #progress = new Map<string, JobProgress>();

  constructor(context: DispatchContext, sockets: WatchSockets) {
    this.#context = context;
    this.sockets = sockets;
    this.streams = new AgentStreams(context, sockets);
  }

  async accept({ jobId, keyId, seen }: WatchRequest): Promise<Response> {
    const refusal = this.sockets.refusal(jobId, keyId);
    if (refusal !== null) {
      return problemResponse(new ApiError("too_many_watchers", refusal, { "retry-after": "30" }));
    }
    const { response, socket } = this.sockets.accept({
      kind: "watcher",
      jobId,
      keyId,
      ...seen,
      unacked: 0,
      isHeld: keyId !== null,
    });
    // The key was valid when the request was let in; its revocation may have been confirmed before it came here. The
    // watcher is registered before the key is read again, so that a revocation finds it, and gets nothing until then.
    if (keyId !== null) {
      try {
        await this.#endInvalid([keyId]);
      } catch (error) {
        this.sockets.close(socket.ws);
        throw error;
      }
      this.sockets.release(socket.ws);
    }
    await this.#read(jobId);
    const progress = this.#progress.get(jobId);
    if (progress !== undefined && this.#isCurrent(progress)) this.#sendProgress(socket, progress);
    this.streams.pump(jobId);
    return new Response(null, { status: 101, webSocket: response });
  }

  async onMessage(ws: WebSocket, frame: string | ArrayBuffer): Promise<void> {
    if (frame !== WATCH_ACK || !this.sockets.acked(ws)) return this.sockets.end(ws, "bad_message");
    const { jobId } = this.sockets.watcher(ws);
    await this.#read(jobId);
    this.streams.pump(jobId);
  }

  /** The job may have changed. Costs nothing when nobody watches it. */
  async changed(jobId: string): Promise<void> {
    if (!this.sockets.isWatched(jobId)) return;
    await this.#read(jobId);
    this.streams.pump(jobId);
  }

  pumpAll(): void {
    for (const jobId of this.sockets.jobs()) this.streams.pump(jobId);
  }

  progressed(message: JobProgress): void {
    const jobId = message.fence.job_id;
    this.#progress.set(jobId, message);
    if (!this.sockets.isWatched(jobId)) return;
    for (const socket of this.sockets.of(jobId)) this.#sendProgress(socket, message);
    this.streams.pump(jobId);
  }

  stageBegan(jobId: string): void {
    this.#progress.delete(jobId);
  }

  /** A watcher that is held learns it from the read that follows. */
  deleted(jobId: string): void {
    for (const { ws, watcher } of this.sockets.of(jobId)) {
      if (!watcher.isHeld) this.sockets.end(ws, "job_deleted");
    }
  }

  keyRevoked(keyId: string): void {
    for (const { ws, watcher } of this.sockets.all()) {
      if (watcher.keyId === keyId) this.sockets.end(ws, "key_revoked");
    }
  }

  /** Ends the watches of those keys that have been revoked or have expired. */
  async #endInvalid(keyIds: readonly string[]): Promise<void> {
    if (keyIds.length === 0) return;
    const now = this.#context.now();
    const ids = sql`(SELECT value FROM json_each(${JSON.stringify(keyIds)}))`;
    const valid = await this.#context.db
      .select({ id: apiKeys.id })
      .from(apiKeys)
      .where(
        and(
          inArray(apiKeys.id, ids),
          isNull(apiKeys.revokedAt),
          or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now)),
        ),
      );
    const validIds = new Set(valid.map(({ id }) => id));
    for (const keyId of keyIds) if (!validIds.has(keyId)) this.keyRevoked(keyId);
  }

  /** Finds what was missed: keys that have been revoked or have expired, and changes. */
  async tick(): Promise<void> {
    for (const [jobId, progress] of this.#progress) {
      if (!this.#isCurrent(progress)) this.#progress.delete(jobId);
    }
    await this.#endInvalid([...new Set(this.sockets.all().flatMap(({ watcher }) => watcher.keyId ?? []))]);
    const watched = this.sockets.jobs();
    if (watched.length === 0) return;
    const ids = sql`(SELECT value FROM json_each(${JSON.stringify(watched)}))`;
    const rows = await this.#context.db
      .select({ id: jobs.id, version: jobs.version })
      .from(jobs)
      .where(inArray(jobs.id, ids));
    const versions = new Map(rows.map(({ id, version }) => [id, version]));
    for (const jobId of watched) {
      const isMissed = this.sockets.of(jobId).some(({ watcher }) => watcher.version !== versions.get(jobId));
      if (isMissed) await this.changed(jobId);
    }
  }

  /** Whether the attempt that the progress is of still runs. */
  #isCurrent({ fence }: JobProgress): boolean {
    const lease = this.#context.leases.get(fence.job_id);
    return lease !== null && sameFence(fenceOf(lease), fence);
  }

  #sendProgress({ ws }: WatchSocket, message: JobProgress): void {
    const { fence, progress, stage_progress, message: text, eta_seconds } = message;
    this.sockets.send(ws, {
      type: "progress",
      attempt: fence.attempt,
      progress,
      stage_progress,
      message: text,
      eta_seconds,
    });
  }

  /** Reads a job and tells its watchers. Calls during a read make it read again, so that none misses a change. */
  async #read(jobId: string): Promise<void> {
    if (this.#reading.has(jobId)) {
      this.#reading.set(jobId, true);
      return;
    }
    try {
      do {
        this.#reading.set(jobId, false);
        await this.#tell(jobId);
      } while (this.#reading.get(jobId));
    } catch (error) {
      log("warn", "watchers not told of a change; the next tick tells them", { job: jobId }, error);
    } finally {
      this.#reading.delete(jobId);
    }
  }

  async #tell(jobId: string): Promise<void> {
    const { db } = this.#context;
    const [job] = await withRetry(() => db.select().from(jobs).where(eq(jobs.id, jobId)));
    if (job === undefined) return this.deleted(jobId);
    const isOld = ({ watcher }: WatchSocket) => watcher.version < job.version;
    const behind = this.sockets.of(jobId).filter(isOld);
    if (behind.length > 0) {
      const seen = Math.min(...behind.map(({ watcher }) => watcher.event));
      const files = await filesOf(db, job);
      const events = (
        await db
          .select()
          .from(jobEvents)
          .where(and(eq(jobEvents.jobId, jobId), gt(jobEvents.number, seen)))
          .orderBy(asc(jobEvents.number))
      ).map(toJobEvent);
      const dates = await fileDates(db, job, this.#context.retention);
      const view = toJobView(job, files, dates, this.#context.now());
      const event = events.at(-1)?.number;
      // One that came meanwhile may need older events: its own read follows.
      for (const { ws } of behind) {
        const watcher = this.sockets.watcher(ws);
        if (watcher.version >= job.version) continue;
        const news = events.filter(({ number }) => number > watcher.event);
        const seenNow = { version: job.version, event: event ?? watcher.event };
        this.sockets.send(ws, { type: "job", version: job.version, job: view, events: news }, seenNow);
      }
    }
    if (isTerminal(job.status)) {
      this.#progress.delete(jobId);
      for (const socket of this.sockets.of(jobId)) await this.#finish(socket.ws, job);
    }
  }

  /** Sends what is left of the log, then the end. A watcher that must ack first is continued when it has. */
  async #finish(ws: WebSocket, job: JobRow): Promise<void> {
    for (;;) {
      const watcher = this.sockets.watcher(ws);
      if (watcher.isHeld || watcher.version < job.version || ws.readyState !== WebSocket.OPEN) return;
      if (watcher.log === null || job.status !== "completed") break;
      const { db, bucket } = this.#context;
      const stored = await storedLines(db, bucket, job.id, watcher.log.next, STORED_LOG_PIECE);
      if (stored === null) break;
      const { from, lines, more } = stored;
      const id = watcher.log.id ?? "stored";
      const position = { id, next: from + lines.length };
      const isNews = lines.length > 0 || watcher.log.id === null;
      if (
        isNews &&
        !this.sockets.send(ws, { type: "log", log: id, from, lines: [...lines], more }, { log: position })
      )
        return;
      if (!more) break;
    }
    if (!this.sockets.watcher(ws).isHeld) this.sockets.end(ws, "job_ended");
  }
}
