import { open } from "node:fs/promises";
import type { Rectangle } from "./bars.ts";
import { readIsoMovie } from "./iso-media.ts";
import { readMatroskaTracks } from "./matroska.ts";
import type { Orientation } from "./orientation.ts";
import type { ProbedFile, ProbedVideo } from "./probe.ts";
import { isScrambled } from "./transport-stream.ts";

/** What the container itself says of the film, read by us because ffprobe's versions differ in it. */
export interface ContainerFacts {
  /** The part of the stored pictures that is to be shown. */
  readonly crop: Rectangle | null;
  /** The shape of a pixel of that part, where it differs from what ffprobe says. */
  readonly pixelAspect: number | null;
  /** How to turn the pictures; null when the container does not say. */
  readonly orientation: Orientation | null;
  readonly encrypted: boolean;
  /** Whether it holds a view for each eye, of which ffmpeg shows one. */
  readonly spatial: boolean;
  readonly livePhoto: boolean;
}

const NOTHING: ContainerFacts = {
  crop: null,
  pixelAspect: null,
  orientation: null,
  encrypted: false,
  spatial: false,
  livePhoto: false,
};

export async function readContainer(
  path: string,
  { container, videos: streams }: Pick<ProbedFile, "container" | "videos">,
  film: Pick<ProbedVideo, "stream" | "id">,
): Promise<ContainerFacts> {
  await using file = await open(path);
  if (container.includes("mpegts")) return { ...NOTHING, encrypted: await isScrambled(file) };
  if (container.includes("mp4")) {
    const { videos, livePhoto } = await readIsoMovie(file);
    // ffprobe before 4.4 does not tell the track's number.
    const position = streams.findIndex(({ stream }) => stream === film.stream);
    const track = videos.find(({ id }) => id === film.id) ?? videos[position];
    return { ...NOTHING, ...track, livePhoto };
  }
  if (container.includes("matroska")) {
    const track = (await readMatroskaTracks(file))[film.stream];
    if (!track) return NOTHING;
    // Without cropping ffprobe is right, in all versions.
    const { crop, encrypted } = track;
    return { ...NOTHING, crop, encrypted, pixelAspect: crop ? track.pixelAspect : null };
  }
  return NOTHING;
}
