import type { Preset } from "@splatt/shared";

/** The settings of one pass of COLMAP. */
export interface PoseSettings {
  readonly cameraModel: "SIMPLE_RADIAL" | "OPENCV";
  /** Longer sides are scaled down to this many pixels before feature extraction. */
  readonly maxImageSize: number;
  /** Approximate features kept per image: COLMAP on the CPU keeps whole scale levels and may exceed it. */
  readonly maxFeatures: number;
  /** −1 doubles the image first and finds finer detail, at four times the cost; 0 does not. */
  readonly firstOctave: -1 | 0;
  /** How clearly a feature must stand out; null is COLMAP's default, 0.0067. */
  readonly peakThreshold: number | null;
  readonly matching: Matching;
  /** Begin with the focal lengths of the photos' metadata, which may be wrong for edited photos. */
  readonly focalPriors: boolean;
  /**
   * Keep a match only if it is the best in both directions. On the CPU this is half of the cost, and rendered clips
   * with known cameras come out equally precise without it: geometric verification removes the wrong matches.
   */
  readonly crossCheck: boolean;
  /** Search again along the epipolar lines of the first matches. */
  readonly guidedMatching: boolean;
  readonly mapper: MapperSettings;
}

export type Matching = { readonly kind: "exhaustive" } | SequentialMatching | SimilarMatching | PairMatching;

/** Pairs of image names. */
export interface PairMatching {
  readonly kind: "pairs";
  readonly pairs: readonly (readonly [string, string])[];
}

/**
 * For photos without a reliable order, and for several videos: each with the ones that look alike, that follow, and
 * that were taken nearby.
 */
export interface SimilarMatching {
  readonly kind: "similar";
  /** How many of each kind. */
  readonly alike: number;
  /** How many that look alike in the other videos. */
  readonly across: number;
  readonly following: number;
  readonly nearby: number;
}

/** Each frame with the next ones, with those 2^k later, and every `loopStride`-th with every other. */
export interface SequentialMatching {
  readonly kind: "sequential";
  readonly overlap: number;
  readonly loopStride: number;
}

/** Options of `colmap mapper`, without the prefix; null leaves COLMAP's default. */
export interface MapperSettings {
  /** Growth ratio of the model that triggers a global bundle adjustment. */
  readonly globalRatio: number | null;
  readonly options: Readonly<Record<string, number>>;
}

/** Pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The host and the capture, as far as they decide the settings. The size is the frames'. */
export interface PoseTask extends Size {
  readonly preset: Preset;
  readonly frames: number;
  /** Photos, whose neighbours in order need not show the same thing. */
  readonly unordered: boolean;
  /** Frames of several videos, or of videos and photos. */
  readonly several?: boolean;
  readonly gpu: boolean;
  readonly cores: number;
}

/** Smaller pictures than this (pixels) have too few features unless they are doubled. */
const SMALL_PICTURE_PIXELS = 180_000;
/** About this many frames are matched exhaustively, to close the loop of a closed walk. */
const LOOP_FRAMES = 16;
/** Below this mean number of features per frame, extraction is repeated with finer detail. */
export const FEW_FEATURES = 500;

/**
 * COLMAP's limits are designed for photo collections: 200 initial pairs for each of up to 50 models. A video without
 * parallax exhausts them in many minutes and still fails. And it discards models of fewer than 10 images, then makes
 * them again from other initial pairs until its trials are used up.
 */
const PATIENCE = { init_num_trials: 30, max_num_models: 10, min_model_size: 5 };

const QUICK_MAPPER: MapperSettings = {
  globalRatio: 1.3,
  options: { ...PATIENCE, ba_global_points_ratio: 1.3 },
};
const THOROUGH_MAPPER: MapperSettings = { globalRatio: null, options: PATIENCE };

/** Accepts weaker evidence than COLMAP does by default: small parallax, few inliers, short tracks. */
const RELAXED_MAPPER: MapperSettings = {
  globalRatio: null,
  options: {
    ...PATIENCE,
    init_min_tri_angle: 4,
    init_min_num_inliers: 50,
    abs_pose_min_num_inliers: 20,
    abs_pose_min_inlier_ratio: 0.15,
    min_num_matches: 10,
  },
};
/** The weakest evidence with which views that are far apart still become models that fit. */
const WEAKEST_MAPPER: MapperSettings = {
  globalRatio: null,
  options: {
    ...RELAXED_MAPPER.options,
    init_min_num_inliers: 40,
    abs_pose_min_num_inliers: 12,
    min_num_matches: 8,
  },
};

/** How much evidence the mapper needs; strict are those of the first pass. */
export type Thresholds = "strict" | "relaxed" | "weakest";

export function firstPass(task: PoseTask): PoseSettings {
  const small = task.width * task.height < SMALL_PICTURE_PIXELS;
  const common = {
    ...{ guidedMatching: false, crossCheck: task.gpu, focalPriors: true },
    peakThreshold: null,
  } as const;
  switch (task.preset) {
    case "draft":
      return {
        ...common,
        cameraModel: "SIMPLE_RADIAL",
        maxImageSize: 960,
        maxFeatures: 1024,
        firstOctave: small ? -1 : 0,
        matching: matchingFor(task, 6),
        mapper: QUICK_MAPPER,
      };
    case "standard":
      return {
        ...common,
        cameraModel: "SIMPLE_RADIAL",
        maxImageSize: 1280,
        maxFeatures: 2048,
        firstOctave: small ? -1 : 0,
        matching: matchingFor(task, 8),
        mapper: QUICK_MAPPER,
      };
    case "high":
      return {
        ...common,
        cameraModel: "OPENCV",
        maxImageSize: 1600,
        maxFeatures: 8192,
        firstOctave: -1,
        matching: matchingFor(task, 12),
        crossCheck: true,
        mapper: THOROUGH_MAPPER,
      };
  }
}

/** Extracts finer detail, for frames with few features. */
export function finer(settings: PoseSettings): PoseSettings {
  return { ...settings, firstOctave: -1, maxFeatures: Math.max(4096, settings.maxFeatures) };
}

/** Accepts weaker evidence, on the same features and matches. */
export function withThresholds(settings: PoseSettings, thresholds: Thresholds): PoseSettings {
  if (thresholds === "strict") return settings;
  return { ...settings, mapper: thresholds === "relaxed" ? RELAXED_MAPPER : WEAKEST_MAPPER };
}

/**
 * Below this mean number of features per frame, faint features are used, too: pictures with little texture have no
 * others.
 */
const LITTLE_TEXTURE = 800;
const FAINT = 0.002;

/**
 * Finer features and the weakest thresholds. The pairs to match are chosen by the ladder.
 *
 * @param features per frame, in the first pass
 */
export function thorough(
  task: PoseTask,
  first: PoseSettings,
  matching: Matching,
  features = Number.POSITIVE_INFINITY,
): PoseSettings {
  return {
    cameraModel: "SIMPLE_RADIAL",
    maxImageSize: Math.max(1600, first.maxImageSize),
    maxFeatures: Math.max(first.maxFeatures, task.gpu ? 8192 : 4096),
    firstOctave: -1,
    peakThreshold: features < LITTLE_TEXTURE ? FAINT : null,
    matching,
    focalPriors: false,
    crossCheck: task.gpu || first.crossCheck,
    // Without a GPU it compares all features with each other, which takes minutes.
    guidedMatching: task.gpu,
    mapper: WEAKEST_MAPPER,
  };
}

function matchingFor(task: PoseTask, overlap: number): Matching {
  if (task.unordered) {
    if (task.frames <= farLimit(task)) return { kind: "exhaustive" };
    return {
      ...{ kind: "similar", alike: 2 * overlap, across: 0 },
      ...{ following: Math.ceil(overlap / 2), nearby: overlap },
    };
  }
  if (task.frames <= exhaustiveLimit(task)) return { kind: "exhaustive" };
  if (task.several) {
    return { kind: "similar", alike: Math.ceil(overlap / 2), across: overlap, following: overlap, nearby: 0 };
  }
  return { kind: "sequential", overlap, loopStride: Math.max(2, Math.ceil(task.frames / LOOP_FRAMES)) };
}

/** The largest number of frames for which exhaustive matching is affordable. */
function exhaustiveLimit(task: PoseTask): number {
  const onTwoCores = { draft: 14, standard: 20, high: 36 }[task.preset];
  return Math.round(onTwoCores * matchingPower(task));
}

/** The same for photos, which have no order to rely on: a minute or two of matching. */
function farLimit(task: PoseTask): number {
  return Math.round(100 * matchingPower(task));
}

/**
 * The factor by which more frames can be matched exhaustively than on two cores, in the same time. A GPU is about 20
 * times as fast.
 */
function matchingPower({ gpu, cores }: PoseTask): number {
  return Math.sqrt(gpu ? 20 : Math.max(1, cores / 2));
}
