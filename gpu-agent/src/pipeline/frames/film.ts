import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import type { ProbedFile, ProbedVideo } from "./probe.ts";

/** A stream with fewer pictures than this share of the fullest one's is a preview or a set of thumbnails. */
const MIN_FILM_SHARE = 0.5;
/**
 * A track that players show is a proxy or a preview if its pictures have less than this share of a hidden one's pixels.
 */
const MIN_SHOWN_SHARE = 0.3;

/**
 * Chooses the film among the video streams: the one with the largest pictures among those with many pictures. Neither
 * the position in the file nor the container's "default" flag is reliable; both may point to a preview. A disabled
 * track counts only where those that players show are much smaller.
 *
 * @param pictures returns the number of pictures in a stream
 * @returns `video_corrupt` when no stream has any, `video_unsupported` for an unknown codec
 */
export function chooseFilm(
  { videos, container }: Pick<ProbedFile, "videos" | "container">,
  pictures: (stream: number) => number,
): Result<ProbedVideo, Failure> {
  const films = videos.filter((video) => !video.attached);
  const usable = films.filter((video) => video.codec !== null && video.width > 0 && video.height > 0);
  const most = Math.max(0, ...usable.map(({ stream }) => pictures(stream)));
  if (most > 0) {
    const full = usable.filter(({ stream }) => pictures(stream) >= MIN_FILM_SHARE * most);
    const largest = Math.max(...full.map(area));
    const shown = full.filter((video) => !video.hidden && area(video) >= MIN_SHOWN_SHARE * largest);
    const [film] = (shown.length > 0 ? shown : full).toSorted(
      (a, b) =>
        area(b) - area(a) ||
        pictures(b.stream) - pictures(a.stream) ||
        Number(b.isDefault) - Number(a.isDefault),
    );
    if (film) return ok(film);
  }
  if (usable.length > 0) return err(failure("video_corrupt", whyNoPictures(usable, container)));
  if (films.every(({ codec }) => codec === null)) {
    return err(failure("video_unsupported", "This ffmpeg does not know its video codec."));
  }
  return err(failure("video_corrupt", "The file does not declare the size of its pictures."));
}

/** The number of tracks with pictures of the film's size, the film included. */
export function tracksLike({ width, height }: ProbedVideo, videos: readonly ProbedVideo[]): number {
  return videos.filter((video) => !video.attached && video.width === width && video.height === height).length;
}

function whyNoPictures(videos: readonly ProbedVideo[], container: string): string {
  const declared = Math.max(...videos.map(({ pictures }) => pictures ?? 0));
  if (declared === 0) return "Its video track has no pictures.";
  // Files whose data is missing were found before.
  if (!container.includes("mp4")) return `None of the ${declared} pictures that it declares is in the file.`;
  const remove = "Remove it: ffmpeg -ignore_editlist 1 -i FILE -c copy video.mp4";
  return `Its edit list hides all of its pictures. ${remove}`;
}

function area({ width, height }: ProbedVideo): number {
  return width * height;
}
