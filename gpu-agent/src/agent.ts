import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type AgentOffer,
  type Drain,
  engineFor,
  type Fence,
  type HeldVerdict,
  type Hello,
  type Intervals,
  type JobSpec,
  PROTOCOL_VERSION,
  type ServerMessage,
  sameFence,
  type Welcome,
} from "@splatt/shared";
import type { Logger } from "pino";
import { Connection, type ConnectionEnd, type ConnectionOptions } from "./connection/connection.ts";
import { InTurn } from "./jobs/in-turn.ts";
import { inheritStages } from "./jobs/inherit.ts";
import {
  type JobRecord,
  JobRecordFile,
  loadJobRecord,
  newJobRecord,
  nextAttempt,
} from "./jobs/job-record.ts";
import { JobRun, type Pipeline } from "./jobs/job-run.ts";
import type { Workspace } from "./jobs/workspace.ts";
import { JobLog } from "./pipeline/job-log.ts";
import { estimateStages } from "./pipeline/stage-estimates.ts";

type JobMessage = Exclude<ServerMessage, Welcome | Drain>;

export interface AgentOptions {
  readonly controlPlane: string;
  readonly token: string;
  readonly name: string;
  readonly version: string;
  readonly offer: AgentOffer;
  readonly workspace: Workspace;
  readonly pipeline: Pipeline;
  /** How many ended jobs keep their folders. */
  readonly keepJobs: number;
  /** How long jobs may go on after the agent was told to stop, before they are handed back. */
  readonly drainMs: number;
  readonly log: Logger;
  readonly backoff?: ConnectionOptions["backoff"];
}

/** Most jobs that are named in a hello. */
const MAX_KEPT = 64;

/** Frames that wait in the socket beyond this: progress is dropped rather than queued. */
const MAX_BUFFERED_BYTES = 256 * 1024;

/** How long the Dispatcher has to acknowledge what is handed back. What it did not stays on disk. */
const HAND_BACK_MS = 10_000;

/**
 * The agent: keeps the connection, takes jobs while it has free slots, and reports. What it holds is on disk,
 * so that killing it at any moment loses no finished stage and no message that must arrive.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #instanceId = randomUUID();
  readonly #connection: Connection;
  readonly #runs = new Map<string, JobRun>();
  /** Jobs that were assigned and are not yet among the runs. */
  readonly #arriving = new Set<string>();
  readonly #inTurn = new InTurn();
  #timers: NodeJS.Timeout[] = [];
  #drainTimers: NodeJS.Timeout[] = [];
  #draining = false;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#connection = new Connection({
      controlPlane: options.controlPlane,
      token: options.token,
      log: options.log,
      hello: () => this.#hello(),
      onWelcome: (welcome) => this.#onWelcome(welcome),
      onMessage: (message) => this.#onMessage(message),
      holdsJobs: () => this.#runs.size > 0,
      ...(options.backoff ? { backoff: options.backoff } : {}),
    });
  }

  /** Runs until `stop()` is called or the control plane does not want this agent any more. */
  async run(): Promise<ConnectionEnd> {
    for (const record of await this.#options.workspace.jobs()) {
      if (record.state === "running") this.#adopt(record);
    }
    const end = await this.#connection.run();
    this.#stopTimers();
    for (const timer of this.#drainTimers) clearTimeout(timer);
    await Promise.all([...this.#runs.values()].map((run) => run.stop("shutdown")));
    return end;
  }

  /**
   * Takes no new job, and leaves when those that it has are finished; what is not finished in time is handed back.
   * What the Dispatcher does not acknowledge stays on disk, and the next start goes on with it.
   */
  stop(drainMs = this.#options.drainMs): void {
    this.#drain(drainMs);
  }

  async #hello(): Promise<Hello> {
    const { name, version, workspace } = this.#options;
    const held = [...this.#runs.values()].map((run) => run.held);
    const kept = (await workspace.jobs())
      .map(({ fence }) => fence.job_id)
      .filter((id) => !this.#runs.has(id));
    return {
      type: "hello",
      protocol: PROTOCOL_VERSION,
      instance_id: this.#instanceId,
      name,
      version,
      offer: this.#offer(),
      held,
      kept: kept.slice(0, MAX_KEPT),
    };
  }

  /** What the agent offers now: what it was set up with, unless it is about to leave. */
  #offer(): AgentOffer {
    const { offer } = this.#options;
    return this.#draining ? { ...offer, slots: 0, reason: "The agent is about to stop." } : offer;
  }

  #onWelcome(welcome: Welcome): void {
    for (const verdict of welcome.jobs) {
      this.#guard(this.#inTurn.run(verdict.held.job_id, () => this.#onVerdict(verdict)));
    }
    this.#startTimers(welcome.intervals);
    this.#reportHeld();
  }

  async #onVerdict(verdict: HeldVerdict): Promise<void> {
    const run = this.#runs.get(verdict.held.job_id);
    if (run === undefined || !sameFence(run.fence, verdict.held)) return;
    if (verdict.action === "abandon") {
      run.log.warn(`abandoned: ${verdict.reason}`);
      return run.stop("abandoned");
    }
    await run.refence(verdict.fence);
    run.start(this.#options.pipeline);
    run.resend();
  }

  #onMessage(message: Exclude<ServerMessage, Welcome>): void {
    if (message.type === "drain") {
      this.#drain(message.deadline_ms);
      return;
    }
    const jobId = message.type === "job.forget" ? message.job_id : message.fence.job_id;
    this.#guard(this.#inTurn.run(jobId, () => this.#onJobMessage(jobId, message)));
  }

  async #onJobMessage(jobId: string, message: JobMessage): Promise<void> {
    if (message.type === "job.assign") return this.#onAssign(message.fence, message.spec);
    const run = this.#runs.get(jobId);
    if (message.type === "job.forget") {
      await run?.stop("abandoned");
      return this.#options.workspace.forget(jobId);
    }
    if (run === undefined || !sameFence(run.fence, message.fence)) return;
    switch (message.type) {
      case "ack":
        return run.acked(message.seq);
      case "job.abandon":
        run.log.warn(`abandoned: ${message.reason}`);
        return run.stop("abandoned");
      case "job.cancel":
        run.log.info(`cancelled: ${message.reason}`);
        return run.stop("cancelled");
      case "job.recall":
        if (run.hasBegun) return;
        run.log.info(`called back: ${message.reason}`);
        return run.stop("recalled");
    }
  }

  /** The record is on disk before the job is accepted: from then on a restarted agent knows of it. */
  async #onAssign(fence: Fence, spec: JobSpec): Promise<void> {
    const { offer, log } = this.#options;
    const running = this.#runs.get(fence.job_id);
    if (running !== undefined && sameFence(running.fence, fence)) {
      this.#connection.send({ type: "job.accept", fence });
      return;
    }
    await running?.stop("abandoned");

    const refusal = this.#refusal(spec);
    if (refusal !== null) {
      log.warn(`job ${fence.job_id} rejected: ${refusal.detail}`);
      this.#connection.send({ type: "job.reject", fence, ...refusal });
      return;
    }
    this.#arriving.add(fence.job_id);
    const run = await this.#take(fence, spec).finally(() => this.#arriving.delete(fence.job_id));
    this.#connection.send({ type: "job.accept", fence });
    run.log.info(`accepted, attempt ${fence.attempt}, engine ${engineFor(spec.options.engine, offer)}`);
    run.start(this.#options.pipeline);
  }

  /** A folder and a record for the job, with whatever an earlier attempt, or the job it repeats, finished. */
  async #take(fence: Fence, spec: JobSpec): Promise<JobRun> {
    const { workspace } = this.#options;
    const dir = workspace.jobDir(fence.job_id);
    await mkdir(dir, { recursive: true });
    const known = await loadJobRecord(dir);
    const inherited =
      known !== null || spec.retry_of === null
        ? {}
        : await inheritStages(workspace.jobDir(spec.retry_of), dir);
    const now = Date.now();
    const run = this.#adopt(
      known === null ? newJobRecord(fence, spec, now, inherited) : nextAttempt(known, fence, spec, now),
    );
    await run.file.update({});
    return run;
  }

  get #takenSlots(): number {
    return this.#arriving.size + [...this.#runs.values()].filter((run) => run.holdsSlot).length;
  }

  #refusal(
    spec: JobSpec,
  ): { code: "draining" | "no_free_slot" | "engine_unavailable"; detail: string } | null {
    const { offer } = this.#options;
    if (this.#draining) return { code: "draining", detail: "The agent is about to stop." };
    if (this.#takenSlots >= offer.slots) return { code: "no_free_slot", detail: "All slots are taken." };
    if (engineFor(spec.options.engine, offer) === null)
      return { code: "engine_unavailable", detail: offer.reason };
    return null;
  }

  #adopt(record: JobRecord): JobRun {
    const { workspace, log, offer } = this.#options;
    const dir = workspace.jobDir(record.fence.job_id);
    const { options } = record.spec;
    const run = new JobRun({
      dir,
      file: new JobRecordFile(dir, record),
      jobLog: new JobLog(join(dir, "pipeline.log")),
      log: log.child({ job: record.fence.job_id.slice(0, 8) }),
      expected: estimateStages(engineFor(options.engine, offer) ?? "builtin", options),
      send: (message) => {
        const droppable =
          message.type === "job.progress" && this.#connection.bufferedBytes > MAX_BUFFERED_BYTES;
        return !droppable && this.#connection.send(message);
      },
      onEnd: (ended) => {
        if (this.#runs.get(ended.fence.job_id) === ended) this.#runs.delete(ended.fence.job_id);
        this.#guard(workspace.prune(this.#options.keepJobs));
        if (this.#draining && this.#runs.size === 0) this.#connection.close();
      },
    });
    this.#runs.set(record.fence.job_id, run);
    return run;
  }

  #drain(deadlineMs: number): void {
    this.#draining = true;
    if (this.#runs.size === 0) {
      this.#connection.close();
      return;
    }
    const seconds = Math.round(deadlineMs / 1000);
    this.#options.log.info(`draining: no new jobs are taken, and the rest is handed back in ${seconds} s`);
    this.#connection.send({ type: "offer", offer: this.#offer() });
    const handBack = () => {
      for (const run of this.#runs.values()) this.#guard(run.stop("returned"));
      this.#drainTimers.push(setTimeout(() => this.#connection.close(), HAND_BACK_MS));
    };
    this.#drainTimers.push(setTimeout(handBack, deadlineMs));
  }

  #reportHeld(): void {
    const jobs = [...this.#runs.values()].map((run) => ({
      fence: run.fence,
      status: run.held.status,
      seconds_since_output: Math.round(run.secondsSinceOutput),
    }));
    this.#connection.send({ type: "job.held", jobs });
  }

  #startTimers(intervals: Intervals): void {
    this.#stopTimers();
    const every = (ms: number, act: () => void) => this.#timers.push(setInterval(act, ms));
    every(intervals.held_ms, () => this.#reportHeld());
    every(intervals.resend_ms, () => {
      for (const run of this.#runs.values()) run.resend();
    });
    every(intervals.progress_ms, () => {
      for (const run of this.#runs.values()) run.flushProgress();
    });
  }

  #stopTimers(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  /** Nothing that goes wrong with one message may end the agent. */
  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => this.#options.log.error(error, "could not handle a message"));
  }
}
