import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import type { StageContext } from "../stage.ts";
import { candidateName, type DecodeRequest, decodeArguments, writtenPictures } from "./decode-command.ts";
import { DecodeLog } from "./decode-log.ts";
import { type FrameTools, runFrameTool } from "./frame-tools.ts";
import { type Candidate, GreyPictures } from "./grey-pictures.ts";

/** The result of a pass over the video. */
export interface Decoded {
  readonly log: DecodeLog;
  readonly greys: GreyPictures;
  /** The picks, in order; fewer when the file is truncated. */
  readonly candidates: readonly WrittenCandidate[];
  /** ffmpeg's errors, the first thousand. */
  readonly errors: readonly string[];
  /** Those of the decoder about pictures that it should have decoded: it conceals what it cannot. */
  readonly damage: readonly string[];
}

export interface WrittenCandidate extends Candidate {
  /** The name of its file. */
  readonly name: string;
}

const CANDIDATE = /^candidate_\d+\.jpg$/;
const MAX_ERRORS = 1000;
/** The context of a demuxer's messages: several names, or one of these. */
const DEMUXER = /^\[(?:in#|[^\] ]*,|(?:mpegts|mpeg|avi|flv|asf|ogg) @)/;

/** A picture that is shown although parts of it could not be decoded, which may be the first one. */
const CONCEALED = /^\[\w+ @ 0x[0-9a-f]+\] \[info\] concealing \d+ DC/;

/** Theora's headers at the beginning of a second clip, which the decoder has no use for. */
const HEADERS_AGAIN = /Header packet passed to frame decoder|: Operation not permitted$/;

/**
 * Messages of a parser, which may have the parameters of another sample description than the decoder, and about
 * pictures before the point where a video was cut. Where a picture is damaged, the decoder adds others.
 */
const HARMLESS =
  /^\[NULL @|mmco: unref short failure|reference count \d+ overflow|non-existing [SP]PS \d+ referenced|[sp]ps_id \d+ out of range/;

/** Whether an error of ffmpeg's means that a part of a picture could not be decoded. */
function isDamage(line: string): boolean {
  return ![DEMUXER, HEADERS_AGAIN, HARMLESS].some((other) => other.test(line));
}

/**
 * Decodes the video once and writes the requested candidates.
 *
 * The exit code is ignored: ffmpeg may print decode errors and still deliver, or exit with 0 and deliver nothing.
 * Instead its files are compared with its report.
 *
 * @param startsWithKey whether every picture can be decoded; otherwise errors before the first one are no damage
 * @returns `ffmpeg_failed` when ffmpeg crashed or wrote the wrong pictures
 */
export async function decode(
  tools: FrameTools,
  request: DecodeRequest,
  startsWithKey: boolean,
  context: StageContext,
  onPicture: (decoded: number) => void,
): Promise<Result<Decoded, Failure>> {
  await removeCandidates(context.dir);
  const log = new DecodeLog();
  const greys = new GreyPictures(request.greySize);
  const errors: string[] = [];
  const damage: string[] = [];
  const ran = await runFrameTool(tools, tools.ffmpeg, decodeArguments(request), context, {
    onLine: (line) => {
      if (CONCEALED.test(line) && damage.length < MAX_ERRORS) damage.push(withoutPrefix(line));
      if (log.add(line)) return onPicture(log.stamps.length);
      if (!/\[(?:error|fatal|panic)\]/.test(line)) return;
      context.toolOutput(line);
      if (errors.length >= MAX_ERRORS) return;
      errors.push(withoutPrefix(line));
      if ((startsWithKey || log.stamps.length > 0) && isDamage(line)) damage.push(withoutPrefix(line));
    },
    onBytes: (chunk) => greys.push(chunk),
  });
  if (!ran.ok) return ran;
  if (errors.some((line) => /No space left on device/i.test(line))) return err(failure("disk_full", ""));
  if (ran.value.signal !== null) {
    return err(failure("ffmpeg_failed", `It was killed by ${ran.value.signal}.`));
  }
  const lie = findLie(request, log, greys, (await candidatesIn(context.dir)).length);
  if (lie !== null) return err(failure("ffmpeg_failed", lie));
  return ok({ log, greys, candidates: pickedOf(request, greys), errors, damage });
}

function pickedOf(request: DecodeRequest, greys: GreyPictures): WrittenCandidate[] {
  const picks = new Set(request.picks);
  const written = writtenPictures(request);
  return greys.candidates.flatMap((candidate, i) =>
    picks.has(written[i] ?? -1) ? [{ ...candidate, name: candidateName(i) }] : [],
  );
}

/**
 * What is wrong with the written pictures, or null. Fewer are fine when the file is truncated. After a restart of the
 * filters they are wrong, and the report of the decoded ones is right.
 */
function findLie(request: DecodeRequest, log: DecodeLog, greys: GreyPictures, files: number): string | null {
  if (log.restarted && request.stamps === null) return null;
  const decodable = writtenPictures(request).filter((pick) => pick < log.stamps.length);
  const wrong = log.written.findIndex((stamp, i) => {
    const asked = log.stamps[decodable[i] ?? -1];
    if (stamp === null || asked == null) return stamp !== asked;
    return Math.abs(stamp * log.writtenUnit - asked * log.unit) > 1e-6;
  });
  if (wrong >= 0) return `Frame ${wrong + 1} is not the requested picture.`;
  const counts = [log.written.length, greys.candidates.length, files];
  if (counts.every((count) => count === decodable.length)) return null;
  return `It should have written ${decodable.length} pictures, but wrote ${counts.join(", ")}.`;
}

/** Strips the level and the addresses from the start of ffmpeg's messages. */
function withoutPrefix(line: string): string {
  return line.replace(/^(?:\[[^\]]*\] )+/, "");
}

export async function candidatesIn(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => CANDIDATE.test(name)).toSorted();
}

export async function removeCandidates(dir: string): Promise<void> {
  for (const name of await candidatesIn(dir)) await rm(join(dir, name));
}
