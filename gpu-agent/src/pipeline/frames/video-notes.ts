import type { FinalPass } from "./decode-passes.ts";
import { shownSize } from "./geometry.ts";
import { type InputVideo, shareInFile, stopsAt } from "./input-video.ts";

/** @returns what was done to the video, in sentences for the person who sent it */
export function videoNotes(video: InputVideo, { request, decoded, run, uniform }: FinalPass): string[] {
  const { film, file, container } = video;
  const notes: string[] = [];
  const tracks = file.videos.filter(({ attached }) => !attached).length;
  if (tracks > 1) {
    notes.push(
      `The file has ${tracks} video tracks; the one with ${film.width}×${film.height} pixels was used.`,
    );
  }
  if (!uniform) {
    const { width, height } = shownSize(run.geometry, run.geometry.pixelAspect, run.geometry.orientation);
    notes.push(
      `The size or orientation of the pictures changes; only the longest stretch, of ${width}×${height}, was used.`,
    );
  }
  if (request.bars) {
    const from = request.crop ?? run.geometry;
    const { bars } = request;
    notes.push(
      `Borders of one colour were cropped: ${from.width}×${from.height} to ${bars.width}×${bars.height}.`,
    );
  }
  if (request.fields === "separate") {
    notes.push("Its pictures are single fields of interlaced video: they have half the lines.");
  }
  if (container.spatial) notes.push("It is spatial video; only the pictures of one eye were used.");
  if (video.part?.because === "the codec changes") {
    notes.push(
      "The codec changes within the file; only the longest part of one codec was used, as if it were all.",
    );
  }
  if (decoded.damage.length > 0) {
    const message = (decoded.damage[0] ?? "").replace(/\.$/, "");
    notes.push(
      `The video is damaged: parts of some frames may be smeared. ffmpeg said, among others: ${message}.`,
    );
  }
  if (decoded.damage.length === 0 && video.index.incomplete) {
    notes.push("Packets of the transport stream are missing: parts of some frames may be smeared.");
  }
  if (video.part?.because === "videos are joined") {
    notes.push(
      "The file contains several videos, one after the other. Only the longest was read: send them as separate files.",
    );
  }
  if (video.clockRestarts) {
    notes.push("The clock of the file runs backwards: pictures may be missing.");
  }
  if (container.joined) {
    notes.push(
      "The file contains several videos, one after the other. Only the first was read: send them as separate files.",
    );
  }
  if (container.shareReadable < 1) notes.push(stopsAt(container));
  const share = Math.min(shareInFile(video), container.shareOfBytes);
  const endsEarly = container.shareOfBytes < 1 || container.cutOff || container.zeroEnd;
  if (share < 0.95 && container.mixedCodecs) {
    const percent = Math.round(100 * share);
    notes.push(`The codec changes within the file; only the part of the first one, ${percent} %, was used.`);
  } else if (share < 0.95) {
    const what = endsEarly ? "The file is truncated" : "A part of the file is missing or damaged";
    notes.push(`${what}: it holds ${Math.round(100 * share)} % of the video.`);
  } else if (container.cutOff) notes.push("The file is truncated: its end is missing.");
  else if (container.zeroEnd) {
    notes.push(
      "The file ends in zeros, as after an interrupted download: a part of the video may be missing.",
    );
  }
  return notes;
}
