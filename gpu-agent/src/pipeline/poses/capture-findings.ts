import type { PassName, ScaleReport, UpReport } from "@splatt/shared";
import type { CaptureFacts } from "./capture-facts.ts";
import { enumerated, longest, stretchText } from "./missing-parts.ts";
import type { PictureFault } from "./picture-quality.ts";

/** From this share on a capture counts as good; below it parts are missing. */
const GOOD_SHARE = 0.8;
/** A mean reprojection error above both is large: 2 pixels at 1600. SIFT itself is good for half a pixel. */
const LARGE_ERROR = { pixels: 1.5, shareOfLongSide: 0.00125 };
/** For each registered frame. */
const FEW_POINTS = 20;
/**
 * Of the captures tested, good ones have 0.74 to 0.94; those whose cameras followed a moving object, or that were too
 * dark, 0.40 to 0.51. See `featureCoverage`.
 */
const LITTLE_COVERAGE = 0.6;
/** Degrees. Good captures have 6 or more, a camera that stays in place has 2. */
const LITTLE_PARALLAX = 3;
/** A camera that travelled further than this, relative to the distance of what it saw, moved. */
const LITTLE_TRAVEL = 0.3;
/** Matches that stay in place while the model's cameras turn: a background that stood behind a turned subject. */
const STILL_BACKGROUND = 0.12;
/** Degrees between neighbouring views, from which on the result is a guess between them, until it proves otherwise. */
export const WIDE_SPACING = 12;
/** The share of the frames in which something moves, above which it belongs to the scene and does not just pass by. */
const MOVES_IN_MOST = 0.5;
/** The minimum length of a reported gap, in frames and as a share of all. */
const LARGE_GAP = { frames: 4, share: 0.08 };

/**
 * What the finished splat shows between the views. Unknown before there is one, and where something else spoils it;
 * occluded where single frames show something before the scene.
 */
export type BetweenViews = "right" | "wrong" | "occluded" | "unknown";

/** Something to say about a capture, or nothing, where the sentence is empty. */
export interface Finding {
  readonly sentence: string;
  /** Whether the capture is not good because of it. */
  readonly weakens: boolean;
}

const weakness = (sentence: string): Finding => ({ sentence, weakens: sentence !== "" });
const weaknessIf = (holds: boolean, sentence: string): Finding => weakness(holds ? sentence : "");
const remark = (sentence: string): Finding => ({ sentence, weakens: false });

/** What a report says of a capture whose cameras can be used, in this order. */
export function findings(facts: CaptureFacts, between: BetweenViews): readonly Finding[] {
  const { registered, still } = facts;
  const isTurned = still !== null && still > STILL_BACKGROUND;
  return [
    shareOf(facts) < GOOD_SHARE
      ? weakness(`Only ${counted(facts)}: ${whyMissing(facts)}`)
      : remark(`${counted(facts)}.`),
    weakness(missingParts(facts)),
    weakness(missingVideos(facts)),
    remark(missingNames(facts)),
    weakness(faultSentence(facts.pictures)),
    weaknessIf(fitsPoorly(facts), poorFitSentence(facts)),
    weaknessIf(
      facts.points < FEW_POINTS * registered,
      "Few points were found: more texture and better light would help.",
    ),
    weaknessIf(
      facts.coverage < LITTLE_COVERAGE,
      "Only part of each picture could be used: something moves, or much of it lacks detail or light.",
    ),
    weaknessIf(
      isTurned,
      "Much of the pictures stood still while the subject turned: the background is not in the result. Leave the subject where it is and walk around it, or turn it before a plain, featureless background.",
    ),
    isTurned ? remark("") : movingFinding(facts, between),
    weaknessIf(
      facts.moving === null && between === "occluded",
      "In many frames something hides the scene that other frames do not show: it moved, or was close to the camera. Film again without it.",
    ),
    weaknessIf(facts.parallax < LITTLE_PARALLAX, shallowSentence(facts.spacing.travel)),
    spacingFinding(facts, between),
    remark(lonelySentence(facts)),
    remark(passSentence(facts.passes)),
    remark(upSentence(facts.up)),
    remark(scaleSentence(facts.scale)),
  ];
}

/** The share of the frames that are placed. */
export function shareOf({ registered, frames }: CaptureFacts): number {
  return frames > 0 ? registered / frames : 0;
}

/** Whether the person sent videos, not photos. */
export function isFilm({ missingPhotos, videos }: CaptureFacts): boolean {
  return missingPhotos === null || videos.length > 0;
}

/** As "40 of 50 frames could be placed". */
export function counted(facts: CaptureFacts): string {
  return `${facts.registered} of ${facts.frames} ${isFilm(facts) ? "frames" : "photos"} could be placed`;
}

/** What spoils the pictures themselves, and what to do; "" where nothing does. */
export function faultSentence(fault: PictureFault | null): string {
  if (fault === "dark")
    return "The pictures are so dark that parts of the subject are lost in them: light it, and film it again.";
  return fault === "blurred"
    ? "The pictures are blurred, and the result is as blurred as they are: film again in better light, more slowly, and in focus."
    : "";
}

function fitsPoorly({ meanReprojectionError, longSide }: CaptureFacts): boolean {
  const largeError = Math.max(LARGE_ERROR.pixels, LARGE_ERROR.shareOfLongSide * longSide);
  return meanReprojectionError !== null && meanReprojectionError > largeError;
}

function poorFitSentence({ given }: CaptureFacts): string {
  return given
    ? "The images fit the given cameras poorly: their poses, focal lengths or distortions may be wrong."
    : "The views agree poorly, perhaps from motion blur or a moving subject.";
}

function whyMissing(facts: CaptureFacts): string {
  const [frames, video] = isFilm(facts) ? ["frames", "the video"] : ["photos", "the set"];
  if (facts.places) {
    return `${video} shows separate places with nothing in common, and the one with the most ${frames} is kept. Send the others as jobs of their own, or add views on the way between them.`;
  }
  return isFilm(facts)
    ? "parts of the video are missing from the result. Move more slowly, avoid quick turns, or raise fps."
    : "parts of the subject are missing from the result. Take more photos between them.";
}

function movingFinding(facts: CaptureFacts, between: BetweenViews): Finding {
  if (facts.moving === null) return remark("");
  const { frames, share } = facts.moving;
  const of = `${frames} of ${facts.registered} ${isFilm(facts) ? "frames" : "photos"}`;
  const weakens = frames > MOVES_IN_MOST * facts.registered || between === "occluded";
  const remedy = weakens ? " Film again when nothing moves." : "";
  const sentence = `Something moves in ${of}, on ${Math.max(1, Math.round(100 * share))} % of the pictures: people, a screen or a hand, for example. The result is blurred or has ghosts there.${remedy}`;
  return { sentence, weakens };
}

/** Why points are seen under small angles. */
function shallowSentence(travel: number): string {
  return travel < LITTLE_TRAVEL
    ? "The camera hardly moved, so the result holds only near where it was. Walk around the subject while filming."
    : "Most things are seen from nearly the same direction only, so their distance is uncertain. Show each from several sides, in views that overlap by two thirds.";
}

function spacingFinding({ registered, spacing: { degrees } }: CaptureFacts, between: BetweenViews): Finding {
  const isWide = degrees > WIDE_SPACING;
  const apart = `Neighbouring views are about ${Math.round(degrees)}° apart`;
  if (isWide && between === "right")
    return remark(`${apart}, which was enough for this scene; every 5° to 10° is safer.`);
  if (isWide)
    return weakness(`${apart}, so the result is a guess between them. Take a view every 5° to 10°.`);
  return weaknessIf(
    between === "wrong",
    `The result is wrong between the views: ${registered} are too few for this scene. Take more, from between them.`,
  );
}

function lonelySentence({ spacing: { lonely } }: CaptureFacts): string {
  return lonely.length === 0 ? "" : `Few views are near ${lonely.join(", ")}: add some on the way there.`;
}

function scaleSentence(scale: ScaleReport | null): string {
  return scale === null
    ? ""
    : `By the photos' GPS positions, one unit is ${scale.metres_per_unit.toPrecision(3)} m.`;
}

const DOUBTFUL_UP = 0.3;

/** Says how the result was turned where the pictures are not upright, or where that is in doubt. */
function upSentence({ side, source, confidence }: UpReport): string {
  if (source === "option") return "";
  const change = "If it does not stand upright, choose another side with the option `up`.";
  if (side === "top") return confidence < DOUBTFUL_UP ? `Which way is up is a guess. ${change}` : "";
  return side === "camera"
    ? `The pictures look straight down, so the side that faces the camera is up. ${change}`
    : `The pictures are not upright: their ${side} is up. ${change}`;
}

const WHAT_PASSES_DO: { readonly [pass in PassName]: string } = {
  first: "",
  merged_models: "merged models of parts that overlap",
  far_pairs: "matched frames far apart",
  relaxed: "accepted weaker evidence",
  missing_frames: "matched the missing frames with all others",
  all_pairs: "matched all frames with each other",
  finer_features: "looked for finer detail",
};

/** Names the pass that was needed; "" for the first. */
function passSentence(passes: CaptureFacts["passes"]): string {
  const [kept] = passes.filter((pass) => pass.kept);
  if (kept === undefined || kept.pass === "first") return "";
  const before = passes[passes.indexOf(kept) - 1];
  return `A further pass was needed, which ${WHAT_PASSES_DO[kept.pass]}: ${kept.registered} frames in place of ${before?.registered ?? 0}.`;
}

/** Names the videos that are not, or only in part, in the result. */
function missingVideos({ videos, stretches }: CaptureFacts): string {
  const sentences = videos.flatMap(({ name, frames, registered }) => {
    if (registered >= GOOD_SHARE * frames) return [];
    const quoted = JSON.stringify(name);
    if (registered === 0)
      return `${quoted} is not in the result: none of its ${frames} frames matches the rest. Film the same place in it.`;
    const parts = longest(
      stretches.filter(({ video }) => video === name),
      NAMED,
    );
    const where =
      parts.length === 0 ? "" : ` Missing is what it shows ${enumerated(parts.map(stretchText))}.`;
    return `Only ${registered} of ${frames} frames of ${quoted} are in the result.${where}`;
  });
  return sentences.join(" ");
}

/** Sentences name this many stretches, or photos. */
const NAMED = 3;

/** Names the missing parts of the only video, unless only a few scattered frames are missing. */
function missingParts({ stretches, frames, videos, missingPhotos }: CaptureFacts): string {
  if (videos.length > 0 || missingPhotos !== null) return "";
  const large = stretches.filter(
    (stretch) => stretch.frames >= Math.max(LARGE_GAP.frames, LARGE_GAP.share * frames),
  );
  if (large.length === 0) return "";
  const named = `The video ${enumerated(longest(large, NAMED).map(stretchText))} is missing.`;
  return large.every((stretch) => stretch.frames < frames / 4)
    ? named
    : `${named} If it shows another place there, send it as a separate job, with start_sec and end_sec.`;
}

/** Names the missing photos. */
function missingNames({ missingPhotos }: CaptureFacts): string {
  if (missingPhotos === null || missingPhotos.length === 0) return "";
  const names = missingPhotos.slice(0, NAMED).map((name) => JSON.stringify(name));
  const others = missingPhotos.length - names.length;
  return `Missing: ${enumerated(others > 0 ? [...names, `${others} other${others > 1 ? "s" : ""}`] : names)}.`;
}
