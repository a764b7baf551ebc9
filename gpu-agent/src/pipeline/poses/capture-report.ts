import type {
  CaptureReport,
  MissingStretch,
  MovingReport,
  PassName,
  ScaleReport,
  UpReport,
  VideoReport,
} from "@splatt/shared";
import { enumerated, longest, stretchText } from "./missing-parts.ts";
import type { ViewSpacing } from "./view-spacing.ts";

/** With fewer registered frames than this, or than this share of all, training is pointless. */
export const MIN_REGISTERED = 8;
export const MIN_REGISTERED_SHARE = 0.3;
/** From this share on a capture counts as good; below it parts are missing. */
const GOOD_SHARE = 0.8;
/** A mean reprojection error above both is large: 2 pixels at 1600. SIFT itself is good for half a pixel. */
const LARGE_ERROR = { pixels: 1.5, shareOfLongSide: 0.00125 };

/**
 * Of the captures tested, good ones have 0.74 to 0.94; those whose cameras followed a moving object, or that were too
 * dark, 0.40 to 0.51. See `featureCoverage`.
 */
const LITTLE_COVERAGE = 0.6;
/** Degrees. Good captures have 6 or more, a camera that stays in place has 2. */
const LITTLE_PARALLAX = 3;
/** A camera that travelled further than this, relative to the distance of what it saw, moved. */
const LITTLE_TRAVEL = 0.3;
/** With fewer points than this for each frame and altogether, the cameras fit by chance. */
const CHANCE_POINTS = { perFrame: 14, all: 500 };
/** Matches that stay in place while the model's cameras turn: a background that stood behind a turned subject. */
const STILL_BACKGROUND = 0.12;
/** Degrees between neighbouring views, from which on the result is a guess between them, until it proves otherwise. */
export const WIDE_SPACING = 12;
/** The share of the frames in which something moves, above which it belongs to the scene and does not just pass by. */
const MOVES_IN_MOST = 0.5;
/** The minimum length of a reported gap, in frames and as a share of all. */
const LARGE_GAP = { frames: 4, share: 0.08 };

export interface CaptureFacts {
  readonly frames: number;
  readonly registered: number;
  readonly points: number;
  /** Pixels, mean over all points. */
  readonly meanReprojectionError: number | null;
  /** The frames' longer side in pixels. */
  readonly longSide: number;
  /** The passes of COLMAP. */
  readonly passes: NonNullable<CaptureReport["passes"]>;
  readonly up: UpReport;
  /** Null when unknown. */
  readonly scale: ScaleReport | null;
  /** See `featureCoverage`, 0 to 1. */
  readonly coverage: number;
  /** See `parallaxDegrees`. */
  readonly parallax: number;
  /** See `viewSpacing`. `lonely` are the names that the person who sent them knows. */
  readonly spacing: ViewSpacing;
  /** See `stillShare`; null when unknown. */
  readonly still: number | null;
  /** What moves against the scene; null when nothing was found. */
  readonly moving: MovingReport | null;
  /** The frames show separate places, of which the largest is kept. */
  readonly places: boolean;
  /** The cameras came with the images, and were checked. */
  readonly given: boolean;
  /** Parts of the videos that were not placed. */
  readonly stretches: readonly MissingStretch[];
  /** Photos that were not placed, by the names that the person who sent them knows; null for a video. */
  readonly missingPhotos: readonly string[] | null;
  /** Each video, where several were sent. */
  readonly videos: readonly VideoReport[];
  /** Notes about the frames themselves. */
  readonly notes: readonly string[];
}

/** What the finished splat shows between the views. Unknown before there is one, and where something else spoils it. */
export type BetweenViews = "right" | "wrong" | "unknown";

/** The result of pose solving, and advice for the person who filmed. */
export function captureReport(facts: CaptureFacts, between: BetweenViews = "unknown"): CaptureReport {
  const { frames, registered, points, meanReprojectionError, longSide } = facts;
  const share = frames > 0 ? registered / frames : 0;
  const byChance = !facts.given && fitsByChance(points, registered);
  const unusable = byChance || registered < MIN_REGISTERED || share < MIN_REGISTERED_SHARE;
  const largeError = Math.max(LARGE_ERROR.pixels, LARGE_ERROR.shareOfLongSide * longSide);
  const blurred = meanReprojectionError !== null && meanReprojectionError > largeError;
  const sparse = points < 20 * registered;
  const partial = facts.coverage < LITTLE_COVERAGE;
  const shallow = facts.parallax < LITTLE_PARALLAX;
  const turned = facts.still !== null && facts.still > STILL_BACKGROUND;
  const wide = facts.spacing.degrees > WIDE_SPACING;
  const lonely = facts.spacing.lonely.length > 0;
  const moving = facts.moving !== null && facts.moving.frames > MOVES_IN_MOST * registered;
  const gap = missingParts(facts);
  const missing = missingVideos(facts);
  const weak =
    share < GOOD_SHARE ||
    gap !== "" ||
    missing !== "" ||
    blurred ||
    sparse ||
    partial ||
    shallow ||
    turned ||
    moving ||
    between === "wrong" ||
    (wide && between === "unknown");
  const { videos } = facts;
  const isFilm = facts.missingPhotos === null || videos.length > 0;
  const counted = `${registered} of ${frames} ${isFilm ? "frames" : "photos"} could be placed`;
  const remedy = isFilm
    ? "Film slowly with much overlap between views, keep the subject still and well lit, and raise fps."
    : "Take more photos, each overlapping the one before by two thirds, and keep the subject still and well lit.";
  const advice = unusable
    ? `Only ${counted}${byChance ? `, from no more than ${points} points: they fit by chance` : ""}. ${remedy}`
    : [
        share < GOOD_SHARE ? `Only ${counted}: ${whyMissing(facts, isFilm)}` : `${counted}.`,
        gap,
        missing,
        missingNames(facts),
        blurred ? blurredSentence(facts) : "",
        sparse ? "Few points were found: more texture and better light would help." : "",
        partial
          ? "Only part of each picture could be used: something moves, or much of it lacks detail or light."
          : "",
        turned
          ? "Much of the pictures stood still while the subject turned: the background is not in the result. Leave the subject where it is and walk around it, or turn it before a plain, featureless background."
          : "",
        turned || facts.moving === null ? "" : movingSentence(facts.moving, registered, isFilm),
        shallow ? shallowSentence(facts.spacing.travel) : "",
        spacingSentence(facts, between),
        lonely ? `Few views are near ${facts.spacing.lonely.join(", ")}: add some on the way there.` : "",
        passSentence(facts.passes),
        upSentence(facts.up),
        facts.scale === null
          ? ""
          : `By the photos' GPS positions, one unit is ${facts.scale.metres_per_unit.toPrecision(3)} m.`,
        weak ? "" : "The capture is good.",
        ...facts.notes,
      ]
        .filter((sentence) => sentence !== "")
        .join(" ");
  return {
    frames,
    registered,
    points,
    mean_reprojection_error: meanReprojectionError,
    verdict: unusable ? "unusable" : weak ? "weak" : "good",
    advice,
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

/** Whether so few points fit any cameras, right or wrong. */
export function fitsByChance(points: number, frames: number): boolean {
  return points < Math.min(CHANCE_POINTS.perFrame * frames, CHANCE_POINTS.all);
}

function blurredSentence({ given }: CaptureFacts): string {
  return given
    ? "The images fit the given cameras poorly: their poses, focal lengths or distortions may be wrong."
    : "The views agree poorly, perhaps from motion blur or a moving subject.";
}

function whyMissing({ places }: CaptureFacts, isFilm: boolean): string {
  const [frames, video] = isFilm ? ["frames", "the video"] : ["photos", "the set"];
  if (places) {
    return `${video} shows separate places with nothing in common, and the one with the most ${frames} is kept. Send the others as jobs of their own, or add views on the way between them.`;
  }
  return isFilm
    ? "parts of the video are missing from the result. Move more slowly, avoid quick turns, or raise fps."
    : "parts of the subject are missing from the result. Take more photos between them.";
}

function movingSentence({ frames, share }: MovingReport, registered: number, isFilm: boolean): string {
  const of = `${frames} of ${registered} ${isFilm ? "frames" : "photos"}`;
  const remedy = frames > MOVES_IN_MOST * registered ? " Film again when nothing moves." : "";
  return `Something moves in ${of}, on ${Math.max(1, Math.round(100 * share))} % of the pictures: people, a screen or a hand, for example. The result is blurred or has ghosts there.${remedy}`;
}

/** Why points are seen under small angles. */
function shallowSentence(travel: number): string {
  return travel < LITTLE_TRAVEL
    ? "The camera hardly moved, so the result holds only near where it was. Walk around the subject while filming."
    : "Most things are seen from nearly the same direction only, so their distance is uncertain. Show each from several sides, in views that overlap by two thirds.";
}

function spacingSentence({ registered, spacing: { degrees } }: CaptureFacts, between: BetweenViews): string {
  const isWide = degrees > WIDE_SPACING;
  const apart = `Neighbouring views are about ${Math.round(degrees)}° apart`;
  if (isWide && between === "right")
    return `${apart}, which was enough for this scene; every 5° to 10° is safer.`;
  if (isWide) return `${apart}, so the result is a guess between them. Take a view every 5° to 10°.`;
  return between === "wrong"
    ? `The result is wrong between the views: ${registered} are too few for this scene. Take more, from between them.`
    : "";
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
/** The report lists this many photos. */
const MOST_PHOTOS = 100;

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
