import { basename } from "node:path";
import type { PosedFrame, Transforms } from "@splatt/formats";
import { err, ok, type PictureRef, type Result } from "@splatt/shared";
import { frameName } from "../frames/frame-name.ts";
import type { FramesOutput } from "../frames/frames-stage.ts";

/** A frame this much farther from the asked time than half the distance between frames is another one. */
const TIME_TOLERANCE_SEC = 0.05;

/** The placed frame that a job means. @returns or why there is none, as a sentence without its end */
export function findPicture(
  picture: PictureRef,
  { frames: placed }: Pick<Transforms, "frames">,
  frames: FramesOutput,
): Result<PosedFrame, string> {
  const index = indexOf(picture, frames);
  if (!index.ok) return index;
  const name = frameName(index.value);
  const frame = placed.find(({ file_path }) => basename(file_path) === name);
  return frame === undefined
    ? err(`the camera of ${titleOf(picture, index.value)} was not placed`)
    : ok(frame);
}

function titleOf({ frame, photo }: PictureRef, index: number): string {
  if (photo !== undefined) return photo;
  return frame === undefined ? `frame ${index + 1}, the one at that time,` : `frame ${index + 1}`;
}

/** The number of the frame, from 0. */
function indexOf({ frame, sec, video, photo }: PictureRef, frames: FramesOutput): Result<number, string> {
  if (frame !== undefined) {
    return frame <= frames.count
      ? ok(frame - 1)
      : err(`there is no frame ${frame}: the job has ${frames.count} frames`);
  }
  if (sec !== undefined) return atTime(sec, video, frames);
  const photos = "photos" in frames ? frames.photos : [];
  const isFilmed = (index: number) =>
    "videos" in frames && frames.videos.some(({ from, count }) => index >= from && index < from + count);
  const matching = (test: (path: string) => boolean) =>
    photos.flatMap(({ path }, index) => (test(path) && !isFilmed(index) ? [index] : []));
  const exact = matching((path) => path === photo);
  const found = exact.length > 0 ? exact : matching((path) => basename(path) === photo);
  const [first] = found;
  if (first === undefined) return err(`no photo that was used is called ${photo}`);
  return found.length === 1 ? ok(first) : err(`${found.length} photos are called ${photo}: give the path`);
}

function atTime(sec: number, video: string | undefined, frames: FramesOutput): Result<number, string> {
  const films =
    "photos" in frames ? frames.videos : [{ name: null, from: 0, count: frames.count, times: frames.times }];
  const named = video === undefined ? films : films.filter(({ name }) => name === video);
  const [film, ...others] = named;
  if (film === undefined)
    return err(video === undefined ? "the job has no video" : `no video that was used is called ${video}`);
  if (others.length > 0) return err("the job has several videos: say which one with video");
  const { times, from } = film;
  let nearest = 0;
  for (const [i, time] of times.entries())
    if (Math.abs(time - sec) < Math.abs((times[nearest] ?? 0) - sec)) nearest = i;
  const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
  const limit = Math.max(0, ...gaps) / 2 + TIME_TOLERANCE_SEC;
  const off = Math.abs((times[nearest] ?? Number.POSITIVE_INFINITY) - sec);
  return off <= limit ? ok(from + nearest) : err(`no frame was taken near ${sec} s`);
}
