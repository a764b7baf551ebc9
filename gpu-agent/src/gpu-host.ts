import { join } from "node:path";
import {
  type AgentOffer,
  engineFor,
  FAILURES,
  type Failure,
  failureSentence,
  type GpuInfo,
  type JobSpec,
  STAGES,
  type StageName,
} from "@splatt/shared";
import type { Logger } from "pino";
import type { MachineConfig } from "./config.ts";
import { TAKES_NO_JOBS, withoutPaths } from "./engines/choose.ts";
import type { Engine } from "./engines/engine.ts";
import { mostFreeMemory } from "./engines/gpu-choice.ts";
import { surveyGpus } from "./engines/gpus.ts";
import { setUpEngines } from "./engines/set-up.ts";
import { ResourceTokens } from "./pipeline/resource-tokens.ts";
import { type StageLimits, stageLimits } from "./pipeline/stage-limits.ts";
import { JobClock } from "./pipeline/timing/job-clock.ts";
import { initialSize } from "./pipeline/timing/job-size.ts";
import { StageHistory, type StageRun } from "./pipeline/timing/stage-history.ts";
import { trainToken } from "./pipeline/train-stage.ts";
import { firstToolFailure, surveyTools } from "./tools/tool-survey.ts";

/** The agent's view of the machine that it runs on. */
export interface HostView {
  /** Its capacity when nothing reduces it. */
  readonly capacity: AgentOffer;
  /** The chosen GPUs, with their latest readings. */
  readonly gpus: readonly GpuInfo[];
  /** UUIDs of chosen GPUs that the latest survey did not find: a GPU can fall off its bus. */
  readonly missingGpus: readonly string[];
  /** UUIDs of the GPUs on which jobs are training. */
  readonly gpusInUse: readonly string[];
  refreshGpus(): Promise<void>;
  /**
   * @param since when the job was accepted, in milliseconds
   * @param stages the job's stages; by default all
   */
  clockFor(spec: JobSpec, since: number, stages?: readonly StageName[]): JobClock;
  recordStageRun(run: StageRun): Promise<void>;
}

const HISTORY_FILE = "stage-history.json";

/** This machine: its engines and capacity, its scarce resources, and the history of its stage runs. */
export class GpuHost implements HostView {
  readonly config: MachineConfig;
  readonly engines: readonly Engine[];
  readonly capacity: AgentOffer;
  readonly tokens: ResourceTokens;
  readonly limits: StageLimits;
  /** A missing or unsupported ffmpeg, ffprobe or COLMAP, which would make every job fail. */
  readonly toolFailure: Failure | null;
  readonly #history: StageHistory;
  #gpus: readonly GpuInfo[];
  #missing: readonly string[] = [];

  /** Surveys the machine: its GPUs, and which engines and tools work. */
  static async setUp(
    config: MachineConfig & { readonly SLOTS?: number | null },
    log: Logger,
  ): Promise<GpuHost> {
    const [{ engines, offer: capacity }, tools] = await Promise.all([
      setUpEngines(config, log),
      surveyTools(config),
    ]);
    const history = await StageHistory.load(join(config.WORKSPACE_ROOT, HISTORY_FILE));
    const toolFailure = firstToolFailure(tools);
    if (toolFailure === null) return new GpuHost(config, engines, capacity, history);
    log.error(failureSentence(toolFailure));
    return new GpuHost(config, engines, withoutSlots(capacity, toolFailure), history, toolFailure);
  }

  /** @param toolFailure why no job can run; null when all tools are usable */
  constructor(
    config: MachineConfig,
    engines: readonly Engine[],
    capacity: AgentOffer,
    history: StageHistory,
    toolFailure: Failure | null = null,
  ) {
    this.toolFailure = toolFailure;
    this.config = config;
    this.engines = engines;
    this.capacity = capacity;
    this.limits = stageLimits(config.STAGE_MAX_SILENCE_MINUTES, config.STAGE_MAX_MINUTES);
    this.#history = history;
    this.#gpus = capacity.gpus;
    this.tokens = new ResourceTokens({
      network: 2,
      cpu: 1,
      gpus: capacity.gpus.length === 0 ? [null] : capacity.gpus.map(({ uuid }) => uuid),
      chooseGpu: (free) => mostFreeMemory(free, this.#gpus),
    });
  }

  get gpus(): readonly GpuInfo[] {
    return this.#gpus;
  }

  get missingGpus(): readonly string[] {
    return this.#missing;
  }

  get gpusInUse(): readonly string[] {
    return this.tokens.gpusInUse;
  }

  async refreshGpus(): Promise<void> {
    if (this.capacity.gpus.length === 0) return;
    const { gpus, problem } = await surveyGpus();
    // Nothing at all, and no complaint: nvidia-smi was too slow to answer.
    if (gpus.length === 0 && problem === null) return;
    const found = new Set(gpus.map(({ uuid }) => uuid));
    this.#missing = this.capacity.gpus.map(({ uuid }) => uuid).filter((uuid) => !found.has(uuid));
    this.#gpus = this.capacity.gpus.map((chosen) => gpus.find(({ uuid }) => uuid === chosen.uuid) ?? chosen);
  }

  /** The engine for a job; null when none fits. */
  engineFor(spec: JobSpec): Engine | null {
    const name = engineFor(spec.options.engine, this.capacity);
    return this.engines.find((engine) => engine.name === name) ?? null;
  }

  clockFor(spec: JobSpec, since: number, stages: readonly StageName[] = STAGES): JobClock {
    const name = engineFor(spec.options.engine, this.capacity) ?? "builtin";
    return new JobClock({
      size: initialSize(name, spec.options, spec.source.kind === "upload" ? spec.source.size : null),
      stages,
      history: () => this.#history.runs,
      cores: this.config.THREADS,
      longSideLimit: this.engineFor(spec)?.longSideLimit?.(spec.options) ?? null,
      trainWait: () => this.tokens.secondsUntilFree(trainToken(name), since),
    });
  }

  async recordStageRun(run: StageRun): Promise<void> {
    await this.#history.add(run);
  }
}

/** The capacity of a host that lacks a tool: zero, with the reason, which is public. */
export function withoutSlots(capacity: AgentOffer, toolFailure: Failure): AgentOffer {
  const { hint } = FAILURES[toolFailure.code];
  const reason = `${TAKES_NO_JOBS}${withoutPaths(failureSentence(toolFailure))} ${hint}`;
  return { ...capacity, slots: 0, parallel: 0, default_engine: null, reason, problem: toolFailure.code };
}
