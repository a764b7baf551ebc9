import { randomUUID } from "node:crypto";
import {
  type Drain,
  engineFor,
  type FailureCode,
  type Fence,
  type HeldVerdict,
  type Hello,
  type Intervals,
  type JobSpec,
  PROTOCOL_VERSION,
  type Quarantine,
  type ServerMessage,
  sameFence,
  type Welcome,
} from "@splatt/shared";
import type { Logger } from "pino";
import { CapacityPublisher } from "./capacity/capacity-publisher.ts";
import { Connection, type ConnectionEnd, type ConnectionOptions } from "./connection/connection.ts";
import { Notices } from "./connection/notices.ts";
import type { HostView } from "./gpu-host.ts";
import { createJobRun } from "./jobs/create-job-run.ts";
import { Intake } from "./jobs/intake.ts";
import { JobRecordFile, loadJobRecord } from "./jobs/job-record.ts";
import type { JobRun } from "./jobs/job-run.ts";
import { KeyedQueue } from "./jobs/keyed-queue.ts";
import { refusalOf } from "./jobs/refuse-job.ts";
import type { EndedJob, RetentionLimits } from "./jobs/retention.ts";
import type { Workspace } from "./jobs/workspace.ts";
import { WorkspaceHealth } from "./jobs/workspace-health.ts";
import type { ProxySettings } from "./network/proxies.ts";
import type { AgentStatus } from "./owner/control-protocol.ts";
import { type Pause, type PauseFile, pauseText } from "./owner/pause.ts";
import type { Pipeline } from "./pipeline/pipeline-job.ts";
import type { Secret } from "./secret.ts";

type JobMessage = Exclude<ServerMessage, Welcome | Drain | Quarantine>;

export interface AgentOptions {
  readonly controlPlane: string;
  readonly token: Secret;
  readonly proxies?: ProxySettings;
  readonly name: string;
  readonly version: string;
  readonly host: HostView;
  /** Bytes that must be free on a GPU before a job is taken for it. */
  readonly minFreeGpuBytes: number;
  readonly workspace: Workspace;
  readonly pauseFile: PauseFile;
  readonly pipeline: Pipeline;
  /** Which ended jobs keep their folders. */
  readonly retention: RetentionLimits;
  /** How long jobs may run on after `stop()`, before the agent returns them. */
  readonly drainMs: number;
  /** How long a disk may hang before the agent gives up the jobs on it. */
  readonly diskPatienceMs: number;
  readonly log: Logger;
  /** Asks which version and build the control plane serves; otherwise its welcome says the version. */
  readonly servedVersion?: () => Promise<string | null>;
  readonly backoff?: ConnectionOptions["backoff"];
  /** Called for each connection. */
  readonly onConnected?: (welcome: Welcome) => void;
}

/** The most kept jobs that a hello lists. */
const MAX_KEPT = 64;

/** With more than this buffered in the socket, progress is dropped instead of queued. */
const MAX_BUFFERED_BYTES = 256 * 1024;

/** How long the agent waits for acks of returned jobs. What is not acked stays on disk. */
const HAND_BACK_MS = 10_000;

/**
 * The agent: keeps the connection, takes jobs while it has free slots, and reports. Its state is on disk, so that
 * killing it at any moment loses no finished stage and no message that must arrive.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #instanceId = randomUUID();
  readonly #connection: Connection;
  readonly #capacity: CapacityPublisher;
  readonly #health: WorkspaceHealth;
  readonly #runs = new Map<string, JobRun>();
  readonly #intake: Intake;
  readonly #queue = new KeyedQueue();
  #timers: NodeJS.Timeout[] = [];
  #drainTimers: NodeJS.Timeout[] = [];

  readonly #notices: Notices;
  #pause: Pause | null = null;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#intake = new Intake(options.workspace);
    this.#notices = new Notices(options.version, options.log);
    this.#health = new WorkspaceHealth({
      workspace: options.workspace,
      patienceMs: options.diskPatienceMs,
      log: options.log,
    });
    this.#capacity = new CapacityPublisher({
      host: options.host,
      minFreeGpuBytes: options.minFreeGpuBytes,
      checkDisk: () => this.#checkDisk(),
      publish: (offer) => this.#connection.send({ type: "offer", offer }),
    });
    this.#connection = new Connection({
      controlPlane: options.controlPlane,
      token: options.token,
      ...(options.proxies ? { proxies: options.proxies } : {}),
      log: options.log,
      hello: () => this.#hello(),
      onWelcome: (welcome) => this.#onWelcome(welcome),
      onMessage: (message) => this.#onMessage(message),
      holdsJobs: () => this.#runs.size > 0,
      ...(options.backoff ? { backoff: options.backoff } : {}),
    });
  }

  /** Runs until `stop()` is called or the control plane refuses this agent. */
  async run(): Promise<ConnectionEnd> {
    this.#setPause(await this.#options.pauseFile.read());
    for (const record of await this.#options.workspace.jobs()) {
      if (record.state !== "running") continue;
      this.#adopt(new JobRecordFile(this.#options.workspace.jobDir(record.fence.job_id), record));
    }
    const end = await this.#connection.run();
    this.#stopTimers();
    for (const timer of this.#drainTimers) clearTimeout(timer);
    // A job that was still arriving stops with the others.
    await this.#queue.idle();
    await Promise.all([...this.#runs.values()].map((run) => run.stop("shutdown")));
    return end;
  }

  /**
   * Takes no new jobs, and exits when its jobs have finished. Jobs that do not finish in time are returned; those whose
   * return is not acked stay on disk, and the next start resumes them.
   */
  stop(drainMs = this.#options.drainMs): void {
    this.#drain(drainMs);
  }

  /**
   * Takes no new jobs until `resume()`, even after a restart. Jobs that train finish; others are returned.
   *
   * @param now returns all jobs; their finished stages and last checkpoint are kept in case they come back
   */
  async pause(pause: Pause, now: boolean): Promise<void> {
    await this.#options.pauseFile.write(pause);
    this.#setPause(pause);
    const stopped = [...this.#runs.values()].filter((run) => now || !run.isPastWaiting);
    await Promise.all(stopped.map((run) => run.stop("returned", pauseText(pause))));
  }

  async resume(): Promise<void> {
    await this.#options.pauseFile.remove();
    this.#setPause(null);
    await this.#capacity.refresh();
  }

  get status(): Pick<AgentStatus, "connected" | "update" | "quarantine" | "paused" | "offer" | "jobs"> {
    return {
      connected: this.#connection.isConnected,
      update: this.#notices.update,
      quarantine: this.#notices.quarantine,
      paused: this.#pause,
      offer: this.#capacity.current,
      jobs: [...this.#runs.values()].map((run) => run.status),
    };
  }

  /** Removes the folders of ended jobs until the workspace is within `limits`. */
  async gc(limits = this.#options.retention, dryRun = false): Promise<EndedJob[]> {
    const { workspace, log } = this.#options;
    const isHeld = (id: string) => this.#runs.has(id) || this.#intake.uses(id);
    const { removed } = await workspace.gc(limits, isHeld, dryRun);
    for (const { jobId } of dryRun ? [] : removed) log.debug(`removed the folder of job ${jobId}`);
    return removed;
  }

  #setPause(pause: Pause | null): void {
    this.#pause = pause;
    this.#capacity.paused = pause === null ? null : pauseText(pause);
    this.#capacity.publishIfChanged();
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
      offer: await this.#capacity.announce(),
      held,
      kept: kept.slice(0, MAX_KEPT),
    };
  }

  #onWelcome(welcome: Welcome): void {
    this.#guard(this.#noteVersion(welcome));
    this.#options.onConnected?.(welcome);
    this.#notices.noteQuarantine(welcome.quarantine ?? null);
    const verdicts = welcome.jobs.map((verdict) => {
      const judged = this.#queue.run(verdict.held.job_id, () => this.#onVerdict(verdict));
      this.#guard(judged);
      return judged;
    });
    this.#startTimers(welcome.intervals);
    // Only now, because held jobs are reported under their new fences.
    this.#guard(Promise.allSettled(verdicts).then(() => this.#reportHeld()));
  }

  async #noteVersion(welcome: Welcome): Promise<void> {
    this.#notices.noteVersion((await this.#options.servedVersion?.()) ?? welcome.version);
  }

  async #onVerdict(verdict: HeldVerdict): Promise<void> {
    const run = this.#runs.get(verdict.held.job_id);
    if (run === undefined || !sameFence(run.fence, verdict.held)) return;
    if (verdict.action === "abandon") {
      run.log.warn(`abandoned: ${verdict.reason}`);
      return run.stop("abandoned");
    }
    await run.refence(verdict.fence, verdict.last_seq);
    await this.#begin(run);
    run.resend();
  }

  #onMessage(message: Exclude<ServerMessage, Welcome>): void {
    if (message.type === "drain") {
      this.#drain(message.deadline_ms);
      return;
    }
    if (message.type === "quarantine") {
      this.#notices.noteQuarantine(message.reason);
      return;
    }
    const jobId = message.type === "job.forget" ? message.job_id : message.fence.job_id;
    this.#guard(this.#queue.run(jobId, () => this.#onJobMessage(jobId, message)));
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
      case "job.read":
        return run.read(message);
      case "job.recall":
        if (run.hasBegun) return;
        run.log.info(`recalled: ${message.reason}`);
        return run.stop("recalled");
    }
  }

  /** Accepts the job only once its record is on disk, so that a restarted agent knows about it. */
  async #onAssign(fence: Fence, spec: JobSpec): Promise<void> {
    const { host, workspace, log } = this.#options;
    const running = this.#runs.get(fence.job_id);
    if (running !== undefined && sameFence(running.fence, fence)) {
      this.#connection.send({ type: "job.accept", fence });
      return;
    }
    await running?.stop("abandoned");
    await host.refreshGpus();

    // A late duplicate of an assignment whose attempt has already ended.
    const known = await loadJobRecord(workspace.jobDir(fence.job_id));
    if (known?.state === "ended" && sameFence(known.fence, fence)) return;

    const disk = await this.#health.check();
    const refusal = refusalOf(spec.options.engine, {
      capacity: this.#capacity.current,
      isStopping: this.#capacity.stopping,
      takenSlots: this.#takenSlots,
      disk,
    });
    if (refusal !== null) {
      log.warn(`job ${fence.job_id} rejected: ${refusal.detail}`);
      this.#connection.send({ type: "job.reject", fence, ...refusal });
      return;
    }
    const taken = await this.#intake.take(fence, spec, (file) => this.#adopt(file));
    if (!taken.ok) {
      log.warn(`job ${fence.job_id} rejected: ${taken.error.detail}`);
      this.#connection.send({ type: "job.reject", fence, code: "disk_full", detail: taken.error.detail });
      return;
    }
    const run = taken.value;
    this.#connection.send({ type: "job.accept", fence });
    run.log.info(
      `accepted, attempt ${fence.attempt}, engine ${engineFor(spec.options.engine, host.capacity)}`,
    );
    await this.#begin(run);
  }

  /** A paused agent starts no jobs, but resumes one that was training when the last process ended. */
  async #begin(run: JobRun): Promise<void> {
    if (this.#pause === null || run.isPastWaiting) run.start(this.#options.pipeline);
    else await run.stop("returned", pauseText(this.#pause));
  }

  get #takenSlots(): number {
    return this.#intake.arriving + [...this.#runs.values()].filter((run) => run.holdsSlot).length;
  }

  async #gcUnlessUnusable(): Promise<void> {
    if (this.#health.problem?.code !== "workspace_unusable") await this.gc();
  }

  /** Other agents can have the jobs of a disk that hangs. A full one is cleared of the folders of ended jobs. */
  async #checkDisk(): Promise<FailureCode | null> {
    const { hang } = this.#health;
    if (hang !== null) for (const run of this.#runs.values()) this.#guard(run.giveUp(hang));
    const problem = await this.#health.check();
    if (problem?.code === "disk_full") this.#guard(this.gc());
    return problem?.code ?? null;
  }

  #adopt(file: JobRecordFile): JobRun {
    const { workspace, log, host } = this.#options;
    const { fence } = file.record;
    const run = createJobRun({
      host,
      dir: workspace.jobDir(fence.job_id),
      file,
      log: log.child({ job: fence.job_id.slice(0, 8) }),
      send: (message) => {
        const isDroppable = message.type === "job.progress" || message.type === "job.entries";
        const droppable = isDroppable && this.#connection.bufferedBytes > MAX_BUFFERED_BYTES;
        return !droppable && this.#connection.send(message);
      },
      onEnd: (ended) => {
        if (this.#runs.get(ended.fence.job_id) === ended) this.#runs.delete(ended.fence.job_id);
        this.#guard(this.#capacity.refresh().then(() => this.#gcUnlessUnusable()));
        if (this.#capacity.stopping && this.#runs.size === 0) this.#connection.close();
      },
    });
    this.#runs.set(fence.job_id, run);
    return run;
  }

  #drain(deadlineMs: number): void {
    this.#capacity.stopping = true;
    if (this.#runs.size === 0) {
      this.#connection.close();
      return;
    }
    const seconds = Math.round(deadlineMs / 1000);
    this.#options.log.info(`draining: taking no new jobs; unfinished jobs are returned in ${seconds} s`);
    this.#capacity.publishIfChanged();
    const handBack = () => {
      for (const run of this.#runs.values()) this.#guard(run.stop("returned", "The agent is stopping."));
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
    every(intervals.held_ms, () => {
      this.#reportHeld();
      this.#guard(this.#capacity.refresh());
    });
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

  /** An error in one message must not end the agent. */
  #guard(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#options.log.error(error, "could not handle a message"));
  }
}
