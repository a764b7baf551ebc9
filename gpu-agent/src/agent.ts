import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type AgentOffer,
  engineFor,
  type Fence,
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
  readonly log: Logger;
  readonly backoff?: ConnectionOptions["backoff"];
}

/** Frames that wait in the socket beyond this: progress is dropped rather than queued. */
const MAX_BUFFERED_BYTES = 256 * 1024;

/**
 * The agent: keeps the connection, takes jobs while it has free slots, and reports. What it holds is on disk,
 * so that killing it at any moment loses no finished stage and no message that must arrive.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #instanceId = randomUUID();
  readonly #connection: Connection;
  readonly #runs = new Map<string, JobRun>();
  #timers: NodeJS.Timeout[] = [];
  #draining = false;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#connection = new Connection({
      controlPlane: options.controlPlane,
      token: options.token,
      log: options.log,
      hello: () => this.#hello(),
      onWelcome: (welcome) => this.#guard(this.#onWelcome(welcome)),
      onMessage: (message) => this.#guard(this.#onMessage(message)),
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
    await Promise.all([...this.#runs.values()].map((run) => run.stop("shutdown")));
    return end;
  }

  /** Stops all work and leaves. Its jobs stay on disk, and an agent that is started soon goes on with them. */
  stop(): void {
    this.#draining = true;
    for (const run of this.#runs.values()) this.#guard(run.stop("shutdown"));
    this.#connection.close();
  }

  #hello(): Hello {
    const { name, version, offer } = this.#options;
    const held = [...this.#runs.values()].map((run) => run.held);
    return {
      type: "hello",
      protocol: PROTOCOL_VERSION,
      instance_id: this.#instanceId,
      name,
      version,
      offer,
      held,
    };
  }

  async #onWelcome(welcome: Welcome): Promise<void> {
    for (const verdict of welcome.jobs) {
      const run = this.#runs.get(verdict.held.job_id);
      if (run === undefined || !sameFence(run.fence, verdict.held)) continue;
      if (verdict.action === "abandon") {
        run.log.warn(`abandoned: ${verdict.reason}`);
        this.#guard(run.stop("abandoned"));
      } else {
        await run.refence(verdict.fence);
        run.start(this.#options.pipeline);
        run.resend();
      }
    }
    this.#startTimers(welcome.intervals);
    this.#reportHeld();
  }

  async #onMessage(message: Exclude<ServerMessage, Welcome>): Promise<void> {
    if (message.type === "job.assign") return this.#onAssign(message.fence, message.spec);
    if (message.type === "drain") return this.#drain();
    const jobId = message.type === "job.forget" ? message.job_id : message.fence.job_id;
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
        // Only a job that has not begun is called back, and every job here begins at once.
        return;
    }
  }

  /** The record is on disk before the job is accepted: from then on a restarted agent knows of it. */
  async #onAssign(fence: Fence, spec: JobSpec): Promise<void> {
    const { offer, workspace, log } = this.#options;
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
    const dir = workspace.jobDir(fence.job_id);
    await mkdir(dir, { recursive: true });
    const known = await loadJobRecord(dir);
    const record =
      known === null ? newJobRecord(fence, spec, Date.now()) : nextAttempt(known, fence, spec, Date.now());
    const run = this.#adopt(record);
    await run.file.update({});
    this.#connection.send({ type: "job.accept", fence });
    run.log.info(`accepted, attempt ${fence.attempt}, engine ${engineFor(spec.options.engine, offer)}`);
    run.start(this.#options.pipeline);
  }

  #refusal(
    spec: JobSpec,
  ): { code: "draining" | "no_free_slot" | "engine_unavailable"; detail: string } | null {
    const { offer } = this.#options;
    if (this.#draining) return { code: "draining", detail: "The agent is about to stop." };
    if (this.#runs.size >= offer.slots) return { code: "no_free_slot", detail: "All slots are taken." };
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

  #drain(): void {
    this.#options.log.info("draining: no new jobs are taken");
    this.#draining = true;
    if (this.#runs.size === 0) this.#connection.close();
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
