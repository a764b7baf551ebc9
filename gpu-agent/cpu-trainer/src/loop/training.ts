import type { DatasetFrame } from "../dataset/dataset-loading.ts";
import type { Rgb } from "../dataset/exposure.ts";
import type { FrameSlot, FrameStore } from "../dataset/frame-stores.ts";
import { cameraAt } from "../dataset/frame-stores.ts";
import { UNIFORM } from "../kernels/memory-layout.ts";
import { type DensificationOutcome, densify } from "../scene/densification.ts";
import { sortByPosition } from "../scene/morton-order.ts";
import { deriveSeed } from "../scene/random.ts";
import { limitSizes, type Point, samplePositions } from "../scene/size-limit.ts";
import { tileGrid } from "../scene/tiles.ts";
import { clearPlanes, setView, type ViewOptions, type Workspace } from "../scene/workspace.ts";
import type { TrainingSettings } from "../training-settings.ts";
import { colorRatio, correctedPsnr } from "./color-match.ts";
import { withMovedGain } from "./frame-gains.ts";
import { type HeldOutMetrics, imageMetrics, meanMetrics } from "./metrics.ts";
import { PASSES, type Pass } from "./passes.ts";
import {
  backgroundAt,
  blendingLimitsAt,
  densifiesAfter,
  frameAt,
  gaussiansWantedAt,
  levelAt,
  limitsSizesAfter,
  shDegreeAt,
  stepSizesAt,
} from "./schedule.ts";
import type { ThreadTeam } from "./thread-team.ts";

const BETA1 = 0.9;
const BETA2 = 0.999;

/** The fraction of the iterations from which the frames' gains follow the rendering, which must show something first. */
const GAINS_FROM = 0.1;
/** About how many pixels tell a frame's gain. */
const RATIO_SAMPLES = 8192;

/** Passes up to the rendering, and the one that compares it with the photo. */
const EVALUATION: readonly Pass[] = [...PASSES.slice(0, PASSES.indexOf("ssim")), "ssim"];

/** The part of training's state that is not in the shared memory. */
export interface Progress {
  /** Iterations done. */
  readonly iteration: number;
  /** Gaussians in use. */
  readonly count: number;
  /** The number of initial gaussians. */
  readonly seedPoints: number;
  /** Of the training frames' exposures; null where they are not compensated. */
  readonly gains: readonly Rgb[] | null;
}

/** The training data and settings. */
export interface Scene {
  readonly train: readonly DatasetFrame[];
  readonly heldOut: readonly DatasetFrame[];
  /** Of the frames of `train`, then of those of `heldOut`. */
  readonly slots: readonly FrameSlot[];
  /** The cameras' greatest distance from their centre. */
  readonly extent: number;
}

/** Trains the gaussians in a workspace, one iteration at a time. */
export class Training {
  readonly #workspace: Workspace;
  readonly #team: ThreadTeam;
  readonly #scene: Scene;
  readonly #settings: TrainingSettings;
  readonly #cameraPositions: readonly Point[];
  #progress: Progress;
  /** The size that the image planes are laid out for. */
  #planesFor: FrameStore | null = null;

  constructor(
    workspace: Workspace,
    team: ThreadTeam,
    scene: Scene,
    settings: TrainingSettings,
    progress: Progress,
  ) {
    this.#workspace = workspace;
    this.#team = team;
    this.#scene = scene;
    this.#cameraPositions = samplePositions(scene.train.map(({ camera }) => camera));
    this.#settings = settings;
    this.#progress = progress;
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** Runs one iteration on one frame. */
  step(): { loss: number; densification: DensificationOutcome | null } {
    const { iteration, count, gains } = this.#progress;
    const { train, slots } = this.#scene;
    const frame = frameAt(this.#settings, iteration, train.length);
    const { stores, index } = slots[frame] as FrameSlot;
    const store = stores[levelAt(this.#settings, iteration, stores.length)] as FrameStore;
    const limits = blendingLimitsAt(this.#settings, iteration);
    this.#view(train[frame] as DatasetFrame, store, index, { gain: gains?.[frame], limits });
    this.#setUniforms();
    this.#run(PASSES, shDegreeAt(this.#settings, iteration), store);
    const { l1, ssim } = imageMetrics(this.#workspace.rowSums, store);
    const { ssimWeight } = this.#settings;
    if (limitsSizesAfter(this.#settings, iteration + 1)) {
      limitSizes(this.#workspace, count, this.#cameraPositions);
    }
    const moves = gains !== null && iteration >= GAINS_FROM * this.#settings.iterations;
    const moved = moves ? withMovedGain(gains, frame, this.#colorRatio(store)) : gains;
    this.#progress = { ...this.#progress, iteration: iteration + 1, count, gains: moved };
    return {
      loss: (1 - ssimWeight) * l1 + ssimWeight * (1 - ssim),
      densification: densifiesAfter(this.#settings, iteration + 1) ? this.#densify() : null,
    };
  }

  /** The quality of rendered held-out frames, over the first `most` of them; null when there are none. */
  evaluate(most = Number.POSITIVE_INFINITY): HeldOutMetrics | null {
    const { train, heldOut, slots } = this.#scene;
    const degree = shDegreeAt(this.#settings, this.#progress.iteration);
    this.#workspace.uniforms.floats.fill(0, UNIFORM.background, UNIFORM.background + 3);
    const metrics = heldOut.slice(0, most).map((frame, i) => {
      const { stores, index } = slots[train.length + i] as FrameSlot;
      const finest = stores[0] as FrameStore;
      this.#view(frame, finest, index);
      this.#run(EVALUATION, degree, finest);
      return {
        ...imageMetrics(this.#workspace.rowSums, finest),
        correctedPsnr: correctedPsnr(this.#workspace, finest, this.#colorRatio(finest)),
      };
    });
    return metrics.length === 0 ? null : meanMetrics(metrics);
  }

  /** From a sample of the pixels. */
  #colorRatio(store: FrameStore): Rgb {
    const step = Math.max(1, Math.floor(Math.sqrt((store.width * store.height) / RATIO_SAMPLES)));
    return colorRatio(this.#workspace, store, step);
  }

  #view(frame: DatasetFrame, store: FrameStore, index: number, options: ViewOptions = {}): void {
    if (this.#planesFor !== store) clearPlanes(this.#workspace);
    this.#planesFor = store;
    setView(this.#workspace, cameraAt(frame.camera, store), store, index, options);
  }

  #setUniforms(): void {
    const { iteration } = this.#progress;
    const settings = this.#settings;
    const { floats } = this.#workspace.uniforms;
    floats.set(backgroundAt(settings, iteration), UNIFORM.background);
    floats[UNIFORM.l1Weight] = 1 - settings.ssimWeight;
    floats[UNIFORM.ssimWeight] = settings.ssimWeight;
    floats[UNIFORM.beta1] = BETA1;
    floats[UNIFORM.beta2] = BETA2;
    floats[UNIFORM.biasCorrection2] = 1 / (1 - BETA2 ** (iteration + 1));
    floats.set(stepSizesAt(settings, iteration, this.#scene.extent, BETA1), UNIFORM.stepSizes);
  }

  #run(passes: readonly Pass[], shDegree: number, { width, height }: FrameStore): void {
    this.#team.run(passes, { count: this.#progress.count, shDegree, height, grid: tileGrid(width, height) });
  }

  #densify(): DensificationOutcome {
    const { iteration, count, seedPoints } = this.#progress;
    const outcome = densify(
      this.#workspace,
      count,
      gaussiansWantedAt(this.#settings, iteration, seedPoints),
      this.#settings.densification,
      deriveSeed(this.#settings.seed, iteration),
    );
    sortByPosition(this.#workspace, outcome.count);
    this.#progress = { ...this.#progress, count: outcome.count };
    return outcome;
  }
}
