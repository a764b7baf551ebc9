import type { ColmapDialect } from "./colmap-version.ts";
import type { PoseSettings, Size } from "./settings.ts";

/** The files of one pass. `sparse` must exist. */
export interface ColmapPaths {
  readonly database: string;
  readonly images: string;
  readonly sparse: string;
  /** Pairs of image names, for `matchPairs`. */
  readonly pairs: string;
  /** The folder of a model that `mapCameras` extends; without it, it begins new ones. */
  readonly input?: string;
}

export interface Hardware {
  readonly gpu: boolean;
  /** Null uses all cores. */
  readonly threads: number | null;
}

/** The camera whose images features are extracted from. */
export interface ExtractedCamera extends Size {
  /** In pixels; see `ImageCamera`. */
  readonly focal: number | null;
  /** The file with the names of its images; null for all images. */
  readonly list: string | null;
}

/** Small, so that a block finishes, and prints a line, every few seconds. */
const EXHAUSTIVE_BLOCK_IMAGES = 10;

export function extractFeatures(
  dialect: ColmapDialect,
  settings: PoseSettings,
  paths: ColmapPaths,
  hardware: Hardware,
  camera: ExtractedCamera,
): string[] {
  const { list, focal } = camera;
  return [
    "feature_extractor",
    ...dialect.logging,
    ...options({ database_path: paths.database, image_path: paths.images }),
    ...(list === null ? [] : options({ image_list_path: list })),
    ...options({
      "ImageReader.single_camera": 1,
      "ImageReader.camera_model": settings.cameraModel,
      ...(focal === null || !settings.focalPriors
        ? {}
        : { "ImageReader.camera_params": cameraParams(settings.cameraModel, camera, focal) }),
      [dialect.maxImageSize]: settings.maxImageSize,
      "SiftExtraction.max_num_features": settings.maxFeatures,
      "SiftExtraction.first_octave": settings.firstOctave,
      ...(settings.peakThreshold === null ? {} : { "SiftExtraction.peak_threshold": settings.peakThreshold }),
    }),
    ...hardwareOptions(dialect.extraction, hardware),
  ];
}

/** The parameters to begin with: COLMAP relies on the focal length at first, and refines it later. */
function cameraParams(model: PoseSettings["cameraModel"], { width, height }: Size, focal: number): string {
  const centre = [width / 2, height / 2];
  const values = model === "OPENCV" ? [focal, focal, ...centre, 0, 0, 0, 0] : [focal, ...centre, 0];
  return values.map((value) => Number(value.toFixed(3))).join(",");
}

export function matchFeatures(
  dialect: ColmapDialect,
  settings: PoseSettings,
  paths: ColmapPaths,
  hardware: Hardware,
): string[] {
  const { matching } = settings;
  if (matching.kind === "similar" || matching.kind === "pairs")
    return matchPairs(dialect, settings, paths, hardware);
  return [
    matching.kind === "exhaustive" ? "exhaustive_matcher" : "sequential_matcher",
    ...dialect.logging,
    ...options({ database_path: paths.database }),
    ...(matching.kind === "exhaustive"
      ? options({ "ExhaustiveMatching.block_size": EXHAUSTIVE_BLOCK_IMAGES })
      : options({
          "SequentialMatching.overlap": matching.overlap,
          "SequentialMatching.quadratic_overlap": 1,
        })),
    ...matchOptions(dialect, settings, hardware),
  ];
}

/** Matches the pairs listed in `paths.pairs` that are not matched yet. */
export function matchPairs(
  dialect: ColmapDialect,
  settings: PoseSettings,
  paths: ColmapPaths,
  hardware: Hardware,
): string[] {
  return [
    "matches_importer",
    ...dialect.logging,
    ...options({ database_path: paths.database, match_list_path: paths.pairs, match_type: "pairs" }),
    ...matchOptions(dialect, settings, hardware),
  ];
}

export function mapCameras(
  dialect: ColmapDialect,
  settings: PoseSettings,
  paths: ColmapPaths,
  hardware: Hardware,
): string[] {
  const { globalRatio, options: mapper } = settings.mapper;
  return [
    "mapper",
    ...dialect.logging,
    ...options({ database_path: paths.database, image_path: paths.images, output_path: paths.sparse }),
    ...(paths.input === undefined ? [] : options({ input_path: paths.input })),
    ...(globalRatio === null ? [] : options({ [dialect.globalRatio]: globalRatio })),
    ...options(Object.fromEntries(Object.entries(mapper).map(([name, value]) => [`Mapper.${name}`, value]))),
    ...(hardware.threads === null ? [] : options({ "Mapper.num_threads": hardware.threads })),
  ];
}

/** What bundle adjustment leaves as it is. */
export interface Adjustment {
  readonly keepFocalLength?: boolean;
  /** The lens's distortion. */
  readonly keepDistortion?: boolean;
}

/** Improves the model in one folder, and writes it into another, which must exist. */
export function adjustBundle(
  dialect: ColmapDialect,
  { keepFocalLength = false, keepDistortion = false }: Adjustment,
  input: string,
  output: string,
): string[] {
  return [
    "bundle_adjuster",
    ...dialect.logging,
    ...options({ input_path: input, output_path: output }),
    ...(keepFocalLength ? options({ "BundleAdjustment.refine_focal_length": 0 }) : []),
    ...(keepDistortion ? options({ "BundleAdjustment.refine_extra_params": 0 }) : []),
  ];
}

/**
 * Pairs of frames far apart in time: every `stride`-th with every other, except those that sequential matching covers.
 * They close the loop of a walk around a subject, like loop detection but without its vocabulary file.
 */
export function loopPairs(names: readonly string[], stride: number, overlap: number): [string, string][] {
  const keyframes = names.flatMap((name, index) => (index % stride === 0 ? [{ name, index }] : []));
  return keyframes.flatMap((a, i) =>
    keyframes.slice(i + 1).flatMap((b): [string, string][] => {
      return b.index - a.index >= overlap ? [[a.name, b.name]] : [];
    }),
  );
}

function matchOptions(dialect: ColmapDialect, settings: PoseSettings, hardware: Hardware): string[] {
  return [
    ...options({
      "SiftMatching.cross_check": settings.crossCheck ? 1 : 0,
      [`${dialect.matching}.guided_matching`]: settings.guidedMatching ? 1 : 0,
    }),
    ...hardwareOptions(dialect.matching, hardware),
  ];
}

/** `use_gpu` is always given: its default is 1 even in builds without CUDA, which then abort. */
function hardwareOptions(group: string, { gpu, threads }: Hardware): string[] {
  return options({
    [`${group}.use_gpu`]: gpu ? 1 : 0,
    ...(threads === null ? {} : { [`${group}.num_threads`]: threads }),
  });
}

function options(values: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);
}
