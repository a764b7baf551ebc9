import type { CaptureReport, ResultVerdict, TrainReport } from "@splatt/shared";
import { type BetweenViews, WIDE_SPACING } from "../poses/capture-findings.ts";
import { deductions, GOOD } from "./check/deductions.ts";
import { showsScene, type ViewComparison } from "./check/doubt-psnr.ts";

/** dB on held-out views, below which a splat is wrong between its views. */
const POOR = 18;
/** dB of plain pictures in the photos' mean colours, of photos with hardly any contrast. */
const FLAT = 24;
/** dB by which plain pictures come closer to the photos than usual, from which on light is what helps first. */
const DIM = 5;
/** A held-out view this much worse (dB) than their mean is named. */
const CLEARLY_WORSE = 3;
const MAX_NAMED = 3;
const FEW_VIEWS = 30;
/**
 * Of the training frames that were examined, from which on something that hides the scene is named. Where nothing did,
 * 5 % at most looked so; where something walked by, 27 % to 79 %, or it was not seen at all.
 */
const OCCLUDED = { count: 3, share: 0.15 };
/** The share of the scene that is badly covered, from which on it is mentioned: of a good splat, and of another. */
const [MUCH, SOME] = [0.25, 0.1];

export interface ResultFacts {
  readonly train: Pick<TrainReport, "psnr" | "psnr_doubt" | "psnr_color_corrected" | "exposure_spread">;
  readonly views: ViewComparison | null;
  readonly capture: Pick<CaptureReport, "registered" | "verdict" | "view_spacing_degrees">;
}

interface Judgement {
  /** How good the splat is away from the views that it was trained on, what limits it, and what would help. */
  readonly result: ResultVerdict;
  /** What that says of the capture. */
  readonly between: BetweenViews;
}

export function judgeResult(facts: ResultFacts): Judgement {
  const { views, capture } = facts;
  const { overfit, occluded, ...judgement } = judged(facts);
  const badly = views === null ? {} : { badly_covered: views.coverage.badlyCovered };
  const tooFew = overfit === true && capture.registered < FEW_VIEWS;
  const spoiled = occluded === true ? "occluded" : tooFew ? "wrong" : "unknown";
  const between = judgement.verdict === "good" ? "right" : spoiled;
  return { result: { ...judgement, ...badly }, between };
}

function judged({
  train,
  views,
  capture,
}: ResultFacts): ResultVerdict & { readonly overfit?: boolean; readonly occluded?: boolean } {
  // Where the exposure jumps, plain PSNR judges the exposure of the held-out frames, not the splat.
  const psnr = train.exposure_spread === undefined ? train.psnr : (train.psnr_color_corrected ?? null);
  const heldOut =
    train.psnr_doubt === undefined ? (psnr ?? views?.heldOut ?? null) : (views?.heldOut ?? null);
  if (views !== null && !showsScene(views)) {
    return {
      verdict: "poor",
      advice: "The splat shows nothing of the photos. Look at the warnings of the training.",
    };
  }
  if (heldOut === null) {
    return {
      verdict: "unknown",
      advice: "No view was held out, so nothing tells how good the splat is between the views.",
    };
  }
  const { gap, excess, contrastLack } = deductions(views);
  const overfit = excess > 0;
  const judged = heldOut - contrastLack;
  const flat = (views?.meanColour ?? 0) > FLAT;
  const verdict = judged < POOR ? "poor" : judged - excess < GOOD || flat ? "weak" : "good";
  const measured = `Held-out views: ${heldOut.toFixed(1)} dB.`;
  const uncovered = badlyCovered(views, verdict === "good" ? MUCH : SOME);
  if (verdict === "good") {
    return { verdict, advice: joined("The splat is good between the views, too.", measured, uncovered) };
  }
  if (flat) {
    const advice = joined(
      "The photos are so dark, or have so little contrast, that even a wrong splat is close to them.",
      ...[measured, worstViews(views), uncovered, "Light the scene, and film it again."],
    );
    return { verdict, advice };
  }
  const how = overfit
    ? `Sharp where it was photographed, wrong in between: training views are ${gap.toFixed(0)} dB better than held-out ones.`
    : "The splat is wrong or blurred even near its views.";
  const hidden = occlusions(views);
  const occluded = hidden !== "";
  const help = whatHelps(capture, { overfit, occluded, dim: contrastLack > DIM });
  return {
    ...{ verdict, overfit, occluded },
    advice: joined(how, measured, worstViews(views), uncovered, hidden, help),
  };
}

function joined(...sentences: readonly string[]): string {
  return sentences.filter((sentence) => sentence !== "").join(" ");
}

function badlyCovered(views: ViewComparison | null, from: number): string {
  if (views === null || views.coverage.badlyCovered < from) return "";
  const { badlyCovered: share, near } = views.coverage;
  const where = near.length === 0 ? "" : `, most of it near ${near.join(" and ")}`;
  return `Few frames, or frames from one side only, show ${Math.round(100 * share)} % of the scene${where}.`;
}

function worstViews(views: ViewComparison | null): string {
  if (views?.heldOut == null) return "";
  const mean = views.heldOut;
  const worst = views.sheet.rows
    .filter(({ psnr }) => psnr < mean - CLEARLY_WORSE)
    .toSorted((a, b) => a.psnr - b.psnr)
    .slice(0, MAX_NAMED)
    .map(({ frame, psnr }) => `${frame} (${psnr.toFixed(1)} dB)`);
  return worst.length === 0 ? "" : `Worst near ${worst.join(", ")}.`;
}

function occlusions(views: ViewComparison | null): string {
  const { frames, of } = views?.occluded ?? { frames: 0, of: 0 };
  return frames < Math.max(OCCLUDED.count, OCCLUDED.share * of)
    ? ""
    : `In ${frames} of ${of} frames something hides the scene that other frames do not show: it moved, or was close to the camera.`;
}

interface Problems {
  readonly overfit: boolean;
  readonly occluded: boolean;
  readonly dim: boolean;
}

function whatHelps(
  { registered, verdict, view_spacing_degrees: spacing }: ResultFacts["capture"],
  { overfit, occluded, dim }: Problems,
): string {
  if (spacing !== undefined && spacing > WIDE_SPACING) {
    return `Neighbouring views are about ${Math.round(spacing)}° apart: take one every 5° to 10°.`;
  }
  if (occluded) return "Film again when nothing moves, and nothing stands in the way.";
  if (overfit && registered < FEW_VIEWS)
    return `There are only ${registered} views: take more, from between them.`;
  if (dim && !overfit) {
    return "The photos are dark, or have little contrast, where dark things get lost: light the scene, and film it again.";
  }
  if (verdict !== "good") return "The advice on the capture says what to do.";
  return overfit
    ? "Film again where it is wrong, with the same light, and nothing that moves."
    : "More training steps, the preset high, or sharper and evenly lit pictures would help.";
}
