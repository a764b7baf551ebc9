import { STAGES, type StageName } from "@splatt/shared";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** What Node's timers can count, 24 days: one that is set for longer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** How long a stage may be silent, and how long it may take. */
export type StageLimits = {
  readonly [stage in StageName]: { readonly maxSilenceMs: number; readonly maxDurationMs: number };
};

/**
 * Generous: COLMAP's matching prints one line per block of images, and the first run of nerfstudio compiles
 * CUDA kernels without printing anything.
 */
export const STAGE_LIMITS: StageLimits = {
  download: { maxSilenceMs: 5 * MINUTE_MS, maxDurationMs: 12 * HOUR_MS },
  frames: { maxSilenceMs: 10 * MINUTE_MS, maxDurationMs: 6 * HOUR_MS },
  poses: { maxSilenceMs: 60 * MINUTE_MS, maxDurationMs: 24 * HOUR_MS },
  train: { maxSilenceMs: 45 * MINUTE_MS, maxDurationMs: 48 * HOUR_MS },
  export: { maxSilenceMs: 30 * MINUTE_MS, maxDurationMs: 3 * HOUR_MS },
  upload: { maxSilenceMs: 24 * HOUR_MS, maxDurationMs: 72 * HOUR_MS },
};

/** Minutes by stage, as in the setting `train=600, poses=120`. */
export type StageMinutes = { readonly [stage in StageName]?: number };

/** @returns the minutes, or why the text is invalid */
export function parseStageMinutes(
  text: string,
): { ok: true; minutes: StageMinutes } | { ok: false; problem: string } {
  const minutes: { [stage in StageName]?: number } = {};
  for (const entry of text.split(",").map((part) => part.trim())) {
    if (entry === "") continue;
    const [, name, amount] = /^(\w+)\s*[=:]\s*(\d+(?:\.\d+)?)$/.exec(entry) ?? [];
    const stage = STAGES.find((candidate) => candidate === name);
    if (stage === undefined || !(Number(amount) > 0)) {
      const problem = `"${entry}" must be a stage (${STAGES.join(", ")}) and its minutes, as in train=600`;
      return { ok: false, problem };
    }
    minutes[stage] = Number(amount);
  }
  return { ok: true, minutes };
}

/** The default limits, overridden by the owner's. */
export function stageLimits(maxSilence: StageMinutes, maxDuration: StageMinutes): StageLimits {
  const ms = (minutes: number | undefined, byDefault: number) =>
    minutes === undefined ? byDefault : Math.min(Math.ceil(minutes * MINUTE_MS), LONGEST_TIMER_MS);
  const limitsOf = (stage: StageName) => ({
    maxSilenceMs: ms(maxSilence[stage], STAGE_LIMITS[stage].maxSilenceMs),
    maxDurationMs: ms(maxDuration[stage], STAGE_LIMITS[stage].maxDurationMs),
  });
  return {
    download: limitsOf("download"),
    frames: limitsOf("frames"),
    poses: limitsOf("poses"),
    train: limitsOf("train"),
    export: limitsOf("export"),
    upload: limitsOf("upload"),
  };
}
