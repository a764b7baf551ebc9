import type { Agent } from "@splatt/gpu-agent/agent";
import type { ControlPlaneClient } from "@splatt/gpu-agent/control-plane-client";
import type { GpuHost } from "@splatt/gpu-agent/gpu-host";
import type { Pipeline, PipelineJob } from "@splatt/gpu-agent/pipeline/pipeline-job";
import type { AgentMessage, EngineName, Fence } from "@splatt/shared";
import { type ControlPlane, ORIGIN } from "../fakes/control-plane.ts";
import { Disk } from "../fakes/disk.ts";
import { HostProcess, type Wire } from "../fakes/host-process.ts";
import { NetworkPath } from "../fakes/network-path.ts";
import { Random } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";
import type { AgentCode } from "./agent-code.ts";
import { hostConfig, offerOf } from "./hardware.ts";
import { fakeStages, type StagePace } from "./stages.ts";
import { traceLogger } from "./trace-logger.ts";
import { type Version, wireOf } from "./versions.ts";

/** A host's properties, drawn once per run. */
export interface HostPlan {
  readonly name: string;
  readonly pool: string;
  readonly slots: number;
  /** How many jobs train concurrently. */
  readonly gpus: number;
  readonly engines: readonly EngineName[];
  readonly clockOffsetMs: number;
  readonly version: Version;
  readonly syncSavesNames: boolean;
  readonly pace: StagePace;
  readonly drainMs: number;
  readonly showsPreviews: boolean;
}

/** The identity of the host's agent. */
export interface Identity {
  readonly id: string;
  readonly token: string;
}

interface RunningAgent {
  readonly process: HostProcess;
  /** Null during set-up. */
  agent: Agent | null;
}

const ROOT = "/workspace";
/** An agent must stop work immediately when ordered to. Its next hello would correct a mistake too, but later. */
const STOPS_WITHIN_MS = 5000;
const FETCH_LIMITS = {
  maxBytes: 2 ** 30,
  minFreeBytes: 1,
  patienceMs: 0,
  stallMs: 60_000,
  connections: 1,
  maxTries: 6,
  backoff: { minMs: 1000, maxMs: 30_000 },
};

/** A GPU host: a disk, a network and, most of the time, a process that runs the shipped agent. */
export class SimulatedHost {
  readonly plan: HostPlan;
  readonly identity: Identity;
  readonly path = new NetworkPath();
  disk: Disk;
  readonly #world: World;
  readonly #controlPlane: ControlPlane;
  readonly #code: AgentCode;
  readonly #random: Random;
  #running: RunningAgent | null = null;
  #started = 0;
  #isOff = false;
  /** Running pipelines, each by the signal that stops it. */
  readonly #atWork = new Map<AbortSignal, PipelineJob>();
  /** The leases under which the agent got the order to stop, with the deadlines. */
  readonly #stopBy = new Map<string, number>();
  /** Whether the agent received a welcome since its last hello; it ignores other messages before that. */
  #isWelcome = false;
  /** Why the last process exited; null while one runs, or after it was killed. */
  lastExit: string | null = null;
  /** The jobs that the agent last reported to hold. */
  heldJobs: readonly string[] = [];
  /** Called when the process exits. */
  onExit: (host: SimulatedHost) => void = () => undefined;

  constructor(
    world: World,
    controlPlane: ControlPlane,
    code: AgentCode,
    plan: HostPlan,
    identity: Identity,
    seed: number,
    disk?: Disk,
  ) {
    this.plan = plan;
    this.identity = identity;
    this.#world = world;
    this.#controlPlane = controlPlane;
    this.#code = code;
    this.#random = new Random(seed, plan.name);
    this.disk = disk ?? this.newDisk();
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** The number of jobs in progress. */
  get jobsAtWork(): number {
    let jobs = 0;
    for (const signal of this.#atWork.keys()) if (!signal.aborted) jobs += 1;
    return jobs;
  }

  /** A job that is still in progress past its deadline to stop, or null. */
  get jobNotStopped(): string | null {
    const woke = this.#running?.process.frozenUntil ?? 0;
    for (const [signal, { fence }] of this.#atWork) {
      const by = this.#stopBy.get(fence.lease_id);
      const isLate = by !== undefined && this.#world.now > Math.max(by, woke + STOPS_WITHIN_MS);
      if (isLate && !signal.aborted) return fence.job_id;
    }
    return null;
  }

  #worksUnder(leaseId: string): boolean {
    return [...this.#atWork.values()].some(({ fence }) => fence.lease_id === leaseId);
  }

  newDisk(): Disk {
    const disk = new Disk(() => this.#world.now, { syncSavesNames: this.plan.syncSavesNames });
    disk.makeFolder(`${ROOT}/jobs`);
    disk.syncNames();
    return disk;
  }

  start(): void {
    if (this.#running !== null || this.#isOff) return;
    this.#started += 1;
    this.lastExit = null;
    const process = new HostProcess(
      `${this.plan.name}#${this.#started}`,
      {
        controlPlane: this.#controlPlane,
        path: this.path,
        disk: this.disk,
        wire: this.#listeningWire(),
        offer: offerOf(this.plan),
      },
      {
        pid: 100 + this.#started,
        clockOffsetMs: this.plan.clockOffsetMs,
        deathDuringCall: () => this.#deathDuringCall(),
      },
    );
    const running: RunningAgent = { process, agent: null };
    this.#running = running;
    process.run(() => {
      this.#setUp(process.name)
        .then((agent) => {
          running.agent = agent;
          return agent.run();
        })
        .then(
          ({ exit }) => this.#exited(exit),
          (error: unknown) => {
            this.#world.verdict ??= new Error(`the agent crashed: ${String(error)}`, { cause: error });
          },
        );
    });
  }

  /** SIGTERM. */
  stop(): void {
    const running = this.#running;
    // Until it installs its handlers, a signal kills it.
    if (running?.agent === null) this.kill();
    running?.process.run(() => running.agent?.stop());
  }

  /** The owner pauses the agent. @param now without waiting for running trainings */
  pause(now: boolean): void {
    this.#owner((agent) => agent.pause({ since: new Date().toISOString(), reason: "" }, now));
  }

  /** While no agent runs, the owner removes the pause file. */
  resume(): void {
    if (this.#running?.agent == null) this.disk.remove(`${ROOT}/paused.json`);
    this.#owner((agent) => agent.resume());
  }

  /** The owner's program shows the agent's errors, such as a full disk. */
  #owner(ask: (agent: Agent) => Promise<void>): void {
    const running = this.#running;
    const show = (error: unknown) => this.#world.note(this.plan.name, `shows its owner: ${String(error)}`);
    running?.process.run(() => {
      if (running.agent !== null) ask(running.agent).catch(show);
    });
  }

  /** SIGKILL: the kernel closes the process's files and sockets. */
  kill(): void {
    this.#end();
    for (const link of [...this.path.links]) link.breakFrom("agent");
  }

  /** Permanently, by its plug: no peer is notified. */
  turnOff(): void {
    this.#isOff = true;
    this.cutPower();
  }

  /** No peer is notified, and unsynced data may be lost. */
  cutPower(): void {
    this.#end();
    for (const link of [...this.path.links]) link.vanish();
    this.disk.powerCut(this.#random);
  }

  loseDisk(): void {
    this.cutPower();
    this.disk = this.newDisk();
  }

  /** Suspends the host. Its connections may not survive that. */
  freeze(ms: number): void {
    const running = this.#running;
    if (running === null) return;
    running.process.frozenUntil = this.#world.now + ms;
    this.path.stop("still");
    const links = [...this.path.links];
    const wake = () => {
      if (this.#random.chance(0.5)) for (const link of links) link.cut();
      this.path.goOn();
    };
    this.#world.schedule(ms, `${this.plan.name} wakes up`, wake, null);
  }

  #listeningWire(): Wire {
    const wire = wireOf(this.plan.version);
    return {
      incoming: (frame) => {
        if (frame.startsWith('{"type":"welcome"')) this.#isWelcome = true;
        const stops = frame.startsWith('{"type":"job.cancel"') || frame.startsWith('{"type":"job.abandon"');
        if (stops && this.#isWelcome) {
          const { fence } = JSON.parse(frame) as { fence: Fence };
          this.#stopBy.set(fence.lease_id, this.#world.now + STOPS_WITHIN_MS);
        }
        // Reordered: the order to stop arrived before the job, and will be sent again.
        if (frame.startsWith('{"type":"job.assign"')) {
          const { fence } = JSON.parse(frame) as { fence: Fence };
          if (!this.#worksUnder(fence.lease_id)) this.#stopBy.delete(fence.lease_id);
        }
        return wire.incoming(frame);
      },
      outgoing: (frame) => {
        if (frame.startsWith('{"type":"hello"')) this.#isWelcome = false;
        if (frame.startsWith('{"type":"job.held"')) {
          const { jobs } = JSON.parse(frame) as Extract<AgentMessage, { type: "job.held" }>;
          this.heldJobs = jobs.map(({ fence }) => fence.job_id);
        }
        return wire.outgoing(frame.startsWith('{"type":"job.complete"') ? this.#perhapsUntrue(frame) : frame);
      },
    };
  }

  #perhapsUntrue(frame: string): string {
    if (!this.#world.faults.strikes("complete_untrue")) return frame;
    const message = JSON.parse(frame) as Extract<AgentMessage, { type: "job.complete" }>;
    const [first, ...others] = message.uploads;
    const uploads = first === undefined ? [] : [{ ...first, size: first.size + 1 }, ...others];
    return JSON.stringify({ ...message, uploads });
  }

  #end(): void {
    this.#running?.process.kill();
    this.#running = null;
    this.#atWork.clear();
  }

  #exited(exit: string): void {
    this.lastExit = exit;
    this.kill();
    this.#world.note(this.plan.name, `exits: ${exit}`);
    this.onExit(this);
  }

  #deathDuringCall(): (() => void) | null {
    const { faults } = this.#world;
    const again = (end: () => void) => () => {
      end();
      this.#world.schedule(
        this.#random.logBetween(200, 90_000),
        `${this.plan.name} starts`,
        () => this.start(),
        null,
      );
    };
    if (faults.strikes("agent_killed")) return again(() => this.kill());
    if (faults.strikes("agent_power_lost")) return again(() => this.cutPower());
    if (faults.strikes("disk_full")) this.#fillDisk();
    return null;
  }

  #fillDisk(): void {
    const { disk } = this;
    // The capacity of an older agent stays as its hello announced it, so it does not watch its disk.
    disk.isFull = this.plan.version !== "older";
    const free = () => {
      disk.isFull = false;
    };
    this.#world.schedule(this.#random.logBetween(500, 60_000), "disk has room again", free, null);
  }

  /** Mirrors the agent's own `start`, with fakes of the stages that need tools. */
  async #setUp(name: string): Promise<Agent> {
    const log = traceLogger(this.#world, name);
    const host = await this.#code.GpuHost.setUp(hostConfig(ROOT), log);
    const token = new this.#code.Secret(this.identity.token);
    const client = new this.#code.ControlPlaneClient({ controlPlane: ORIGIN, token, log });
    return new this.#code.Agent({
      controlPlane: ORIGIN,
      token,
      name: this.plan.name,
      version: "0.1.0",
      host,
      minFreeGpuBytes: host.config.MIN_FREE_GPU_BYTES,
      workspace: new this.#code.Workspace(ROOT),
      pauseFile: new this.#code.PauseFile(ROOT),
      pipeline: this.#pipeline(host, client),
      retention: { keepJobs: 2, maxBytes: 2 ** 40 },
      drainMs: this.plan.drainMs,
      diskPatienceMs: 300_000,
      log,
      onConnected: (welcome) => client.noteWelcome(welcome),
    });
  }

  /** The shipped stage order and delivery. */
  #pipeline(host: GpuHost, client: ControlPlaneClient): Pipeline {
    const stages = fakeStages(this.#random, this.plan.pace);
    const delivery = this.#code.controlPlaneDelivery(client);
    const run = this.#code.runStages({
      ...stages,
      host,
      train: (engine, job) => {
        const stage = stages.train(engine, job);
        const show: typeof stage.run = async (input, context) => {
          await delivery.showPreview(job, Buffer.from("preview"), context.signal).catch(() => undefined);
          return stage.run(input, context);
        };
        return this.plan.showsPreviews ? { ...stage, run: show } : stage;
      },
      fetchVideo: (runner, source, job) =>
        source.kind === "url"
          ? runner.run(stages.fetchUrl, source)
          : runner.run(delivery.fetchVideo(job, FETCH_LIMITS), source),
      deliver: (runner, job, files) => delivery.deliver(runner, job, files),
    });
    return async (job, signal) => {
      this.#atWork.set(signal, job);
      try {
        return await run(job, signal);
      } finally {
        this.#atWork.delete(signal);
      }
    };
  }
}
