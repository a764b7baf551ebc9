import type { CaptureReport } from "@splatt/shared";
import type { CaptureFacts } from "./capture-facts.ts";
import { type BetweenViews, counted, faultSentence, findings, isFilm, shareOf } from "./capture-findings.ts";

/** With fewer registered frames than this, or than this share of all, training is pointless. */
export const MIN_REGISTERED = 8;
export const MIN_REGISTERED_SHARE = 0.3;
/** With fewer points than this for each frame and altogether, the cameras fit by chance. */
const CHANCE_POINTS = { perFrame: 14, all: 500 };
/** The report lists this many photos. */
const MOST_PHOTOS = 100;

/** The result of pose solving, and advice for the person who filmed. */
export function captureReport(facts: CaptureFacts, between: BetweenViews = "unknown"): CaptureReport {
  const { frames, registered, points, videos } = facts;
  return {
    frames,
    registered,
    points,
    mean_reprojection_error: facts.meanReprojectionError,
    ...judge(facts, between),
    ...(videos.length > 0 ? { videos: [...videos] } : {}),
    ...(facts.stretches.length > 0 ? { missing_stretches: [...facts.stretches] } : {}),
    ...(facts.missingPhotos?.length ? { missing_photos: facts.missingPhotos.slice(0, MOST_PHOTOS) } : {}),
    passes: [...facts.passes],
    view_spacing_degrees: Math.round(10 * facts.spacing.degrees) / 10,
    ...(facts.moving === null ? {} : { moving: facts.moving }),
    up: facts.up,
    ...(facts.scale === null ? {} : { scale: facts.scale }),
  };
}

function judge(facts: CaptureFacts, between: BetweenViews): Pick<CaptureReport, "verdict" | "advice"> {
  const { registered, points, given, pictures } = facts;
  const byChance = !given && fitsByChance(points, registered);
  if (byChance || registered < MIN_REGISTERED || shareOf(facts) < MIN_REGISTERED_SHARE) {
    const why = byChance ? `, from no more than ${points} points: they fit by chance` : "";
    const remedy = faultSentence(pictures) || filmAgain(facts);
    return { verdict: "unusable", advice: `Only ${counted(facts)}${why}. ${remedy}` };
  }
  const found = findings(facts, between);
  const isWeak = found.some(({ weakens }) => weakens);
  const sentences = [
    ...found.map(({ sentence }) => sentence),
    isWeak ? "" : "The capture is good.",
    ...facts.notes,
  ];
  return {
    verdict: isWeak ? "weak" : "good",
    advice: sentences.filter((sentence) => sentence !== "").join(" "),
  };
}

/** Whether so few points fit any cameras, right or wrong. */
export function fitsByChance(points: number, frames: number): boolean {
  return points < Math.min(CHANCE_POINTS.perFrame * frames, CHANCE_POINTS.all);
}

function filmAgain(facts: CaptureFacts): string {
  return isFilm(facts)
    ? "Film slowly with much overlap between views, keep the subject still and well lit, and raise fps."
    : "Take more photos, each overlapping the one before by two thirds, and keep the subject still and well lit.";
}
