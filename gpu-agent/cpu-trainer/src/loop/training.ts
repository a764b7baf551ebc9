import type { PinholeCamera } from "../dataset/camera.ts";
import type { DatasetFrame } from "../dataset/dataset-frame.ts";
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
import { cameraGradient } from "./camera-gradient.ts";
import { colorRatio, correctedPsnr } from "./color-match.ts";
import { withMovedGain } from "./frame-gains.ts";
import { cameraInPose, type FramePose, givenPose, steppedPose } from "./frame-poses.ts";
import { type HeldOutMetrics, imageMetrics, meanMetrics } from "./metrics.ts";
import { CAMERA_PASS, PASSES, type Pass } from "./passes.ts";
import {
  backgroundAt,
  blendingLimitsAt,
  densifiesAfter,
  frameAt,
  gaussiansWantedAt,
  levelAt,
  limitsSizesAfter,
  poseRatesAt,
  registrationRates,
  shDegreeAt,
  stepSizesAt,
} from "./schedule.ts";
import type { ThreadTeam } from "./thread-team.ts";

const BETA1 = 0.9;
const BETA2 = 0.999;

/**
 * The fraction of the iterations from which the frames' gains follow the rendering, which must show something first.
 */
const GAINS_FROM = 0.1;
/** About how many pixels tell a frame's gain. */
const RATIO_SAMPLES = 8192;

/** Passes up to the rendering, and the one that compares it with the photo. */
const EVALUATION: readonly Pass[] = [...PASSES.slice(0, PASSES.indexOf("ssim")), "ssim"];
/** All passes, but the camera moves in the place of the gaussians. */
const REGISTRATION: readonly Pass[] = [...PASSES.slice(0, PASSES.indexOf("update")), CAMERA_PASS];

/** Steps that fit the camera of a held-out frame to the scene as it is. */
const REGISTRATION_STEPS = 16;

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
  /** Of the training frames; null where the given ones are kept. */
  readonly poses: readonly FramePose[] | null;
}

/** A held-out frame whose camera was fitted to the scene. */
export interface RegisteredFrame {
  readonly pose: FramePose;
  /** With the camera as given, and as fitted. */
  readonly given: HeldOutMetrics;
  readonly fitted: HeldOutMetrics;
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
    const { iteration, count, gains, poses } = this.#progress;
    const { train, slots } = this.#scene;
    const frame = frameAt(this.#settings, iteration, train.length);
    const { stores, index } = slots[frame] as FrameSlot;
    const store = stores[levelAt(this.#settings, iteration, stores.length)] as FrameStore;
    const limits = blendingLimitsAt(this.#settings, iteration);
    const { camera } = train[frame] as DatasetFrame;
    const pose = poses?.[frame];
    const posed = pose === undefined ? camera : cameraInPose(camera, pose);
    this.#view(posed, store, index, { gain: gains?.[frame], limits });
    this.#setUniforms();
    this.#workspace.uniforms.ints[UNIFORM.movesCamera] = pose === undefined ? 0 : 1;
    this.#run(PASSES, shDegreeAt(this.#settings, iteration), store);
    const { l1, ssim } = imageMetrics(this.#workspace.rowSums, store);
    const { ssimWeight } = this.#settings;
    if (limitsSizesAfter(this.#settings, iteration + 1)) {
      limitSizes(this.#workspace, count, this.#cameraPositions);
    }
    const moves = gains !== null && iteration >= GAINS_FROM * this.#settings.iterations;
    const moved = moves ? withMovedGain(gains, frame, this.#colorRatio(store)) : gains;
    const movedPoses = pose === undefined ? poses : this.#withMovedPose(poses ?? [], frame, pose);
    this.#progress = { ...this.#progress, iteration: iteration + 1, count, gains: moved, poses: movedPoses };
    return {
      loss: (1 - ssimWeight) * l1 + ssimWeight * (1 - ssim),
      densification: densifiesAfter(this.#settings, iteration + 1) ? this.#densify() : null,
    };
  }

  /** The quality of rendered held-out frames, over the first `most` of them; null when there are none. */
  evaluate(most = Number.POSITIVE_INFINITY): HeldOutMetrics | null {
    const { train, heldOut, slots } = this.#scene;
    this.#workspace.uniforms.floats.fill(0, UNIFORM.background, UNIFORM.background + 3);
    const metrics = heldOut.slice(0, most).map(({ camera }, i) => {
      const { stores, index } = slots[train.length + i] as FrameSlot;
      return this.#measure(camera, stores[0] as FrameStore, index, EVALUATION);
    });
    return metrics.length === 0 ? null : meanMetrics(metrics);
  }

  /**
   * Fits the cameras of held-out frames to the scene as it is, over the first `most` of them. Cameras that were given
   * imprecisely render displaced, however good the scene is.
   */
  registerHeldOut(most = Number.POSITIVE_INFINITY): RegisteredFrame[] {
    const { train, heldOut, slots } = this.#scene;
    const { iteration } = this.#progress;
    // What the next densification goes by must not come from held-out frames.
    const { errorSum, weightSum } = this.#workspace;
    const sums = [errorSum.slice(), weightSum.slice()] as const;
    const registered = heldOut.slice(0, most).map(({ camera }, i) => {
      const { stores, index } = slots[train.length + i] as FrameSlot;
      const store = stores[levelAt(this.#settings, iteration, stores.length)] as FrameStore;
      this.#setUniforms();
      this.#workspace.uniforms.floats.fill(0, UNIFORM.background, UNIFORM.background + 3);
      let pose = givenPose(camera);
      const given = this.#measure(camera, store, index, EVALUATION);
      let best = { pose, metrics: given };
      for (let step = 0; step < REGISTRATION_STEPS; step++) {
        const metrics = this.#measure(cameraInPose(camera, pose), store, index, REGISTRATION);
        if (metrics.psnr > best.metrics.psnr) best = { pose, metrics };
        const rates = registrationRates(1 - step / REGISTRATION_STEPS, this.#scene.extent);
        pose = steppedPose(pose, cameraGradient(this.#workspace, this.#progress.count), rates);
      }
      return { pose: best.pose, given, fitted: best.metrics };
    });
    errorSum.set(sums[0]);
    weightSum.set(sums[1]);
    return registered;
  }

  /** From now on, the cameras of the training frames move with the gaussians. */
  refinePoses(): void {
    const poses = this.#scene.train.map(({ camera }) => givenPose(camera));
    this.#progress = { ...this.#progress, poses };
  }

  #measure(camera: PinholeCamera, store: FrameStore, index: number, passes: readonly Pass[]): HeldOutMetrics {
    this.#view(camera, store, index);
    this.#run(passes, shDegreeAt(this.#settings, this.#progress.iteration), store);
    return {
      ...imageMetrics(this.#workspace.rowSums, store),
      correctedPsnr: correctedPsnr(this.#workspace, store, this.#colorRatio(store)),
    };
  }

  #withMovedPose(poses: readonly FramePose[], frame: number, pose: FramePose): readonly FramePose[] {
    const { iteration, count } = this.#progress;
    const gradient = cameraGradient(this.#workspace, count);
    const moved = steppedPose(pose, gradient, poseRatesAt(this.#settings, iteration, this.#scene.extent));
    return poses.map((other, i) => (i === frame ? moved : other));
  }

  /** From a sample of the pixels. */
  #colorRatio(store: FrameStore): Rgb {
    const step = Math.max(1, Math.floor(Math.sqrt((store.width * store.height) / RATIO_SAMPLES)));
    return colorRatio(this.#workspace, store, step);
  }

  #view(camera: PinholeCamera, store: FrameStore, index: number, options: ViewOptions = {}): void {
    if (this.#planesFor !== store) clearPlanes(this.#workspace);
    this.#planesFor = store;
    setView(this.#workspace, cameraAt(camera, store), store, index, options);
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
