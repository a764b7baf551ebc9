import { err, type Failure, failure, ok, type Result } from "@splatt/shared";

/** The installed COLMAP, from its help text. */
export interface ColmapVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** Built with CUDA, so that SIFT can run on an NVIDIA GPU. */
  readonly cuda: boolean;
}

/**
 * Reads the banner of `colmap -h`, e.g. "COLMAP 3.9.1 -- Structure-from-Motion …" and, on the next line,
 * "(Commit 1a2b3c on 2024-01-08 with CUDA)".
 *
 * @returns null for any other program's output
 */
export function parseColmapHelp(output: string): ColmapVersion | null {
  const version = /^COLMAP (\d+)\.(\d+)(?:\.(\d+))?/m.exec(output);
  if (!version) return null;
  return {
    major: Number(version[1]),
    minor: Number(version[2]),
    patch: Number(version[3] ?? 0),
    cuda: /\bwith CUDA\b/.test(output),
  };
}

export function versionText(version: ColmapVersion): string {
  return `${version.major}.${version.minor}${version.patch > 0 ? `.${version.patch}` : ""}`;
}

/** COLMAP 3.8 is the oldest tested version, 4.x the newest. */
const OLDEST = { major: 3, minor: 8 };
const NEWEST_MAJOR = 4;

export const SUPPORTED_COLMAP = "3.8 to 4.x";

/** @returns the version, or `tool_unsupported` for one that is too old or is not COLMAP at all */
export function supportedColmap(program: string, help: string): Result<ColmapVersion, Failure> {
  const version = parseColmapHelp(help);
  if (version === null) {
    const said = help.split("\n")[0] || "nothing";
    return err(
      failure(
        "tool_unsupported",
        `${program} does not answer like COLMAP: it prints ${JSON.stringify(said)}.`,
      ),
    );
  }
  const { major, minor } = version;
  if (major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor)) {
    const needed = `version ${OLDEST.major}.${OLDEST.minor} or newer is needed`;
    return err(failure("tool_unsupported", `COLMAP ${versionText(version)} is too old; ${needed}.`));
  }
  return ok(version);
}

/** Whether the version is newer than the tested ones. */
export function isUntestedColmap({ major }: ColmapVersion): boolean {
  return major > NEWEST_MAJOR;
}

/** The names of options that changed between COLMAP's versions. Everything else kept its name since 3.8. */
export interface ColmapDialect {
  /** Holds use_gpu and num_threads of feature extraction. */
  readonly extraction: string;
  /** Holds use_gpu, num_threads and guided_matching of matching. */
  readonly matching: string;
  readonly maxImageSize: string;
  /** How much the model may grow before a global bundle adjustment. */
  readonly globalRatio: string;
  /** Keeps colours and log files away. */
  readonly logging: readonly string[];
}

const SIFT_NAMES: ColmapDialect = {
  extraction: "SiftExtraction",
  matching: "SiftMatching",
  maxImageSize: "SiftExtraction.max_image_size",
  globalRatio: "Mapper.ba_global_images_ratio",
  logging: [],
};

/** Each row holds from its version on. Source: option_manager.cc at COLMAP's tags 3.8 to 4.1.1. */
const DIALECTS: readonly (readonly [major: number, minor: number, dialect: ColmapDialect])[] = [
  [
    4,
    0,
    {
      extraction: "FeatureExtraction",
      matching: "FeatureMatching",
      maxImageSize: "FeatureExtraction.max_image_size",
      globalRatio: "Mapper.ba_global_frames_ratio",
      logging: ["--log_target", "stderr", "--log_color", "0"],
    },
  ],
  [
    3,
    13,
    {
      extraction: "FeatureExtraction",
      matching: "FeatureMatching",
      maxImageSize: "SiftExtraction.max_image_size",
      globalRatio: "Mapper.ba_global_frames_ratio",
      logging: [],
    },
  ],
  [3, 12, { ...SIFT_NAMES, globalRatio: "Mapper.ba_global_frames_ratio" }],
];

export function dialectOf(version: Pick<ColmapVersion, "major" | "minor">): ColmapDialect {
  const row = DIALECTS.find(
    ([major, minor]) => version.major > major || (version.major === major && version.minor >= minor),
  );
  return row?.[2] ?? SIFT_NAMES;
}
