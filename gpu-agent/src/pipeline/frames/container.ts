import { type FileHandle, open } from "node:fs/promises";
import type { Rectangle } from "./bars.ts";
import type { ByteRange } from "./codec-change.ts";
import { endsInsidePacket, endsInZeros } from "./cut-off.ts";
import { declaredEnd, isJoined } from "./declared-end.ts";
import { readIsoMovie } from "./iso-media.ts";
import { readMatroskaTracks } from "./matroska.ts";
import type { Orientation } from "./orientation.ts";
import type { ProbedFile, ProbedVideo } from "./probe.ts";
import { isScrambled } from "./transport-stream.ts";

/** Facts from the container that we read ourselves because ffprobe's versions differ. */
export interface ContainerFacts {
  /** The visible part of the stored pictures. */
  readonly crop: Rectangle | null;
  /** The pixel aspect ratio of that part, where it differs from ffprobe's. */
  readonly pixelAspect: number | null;
  /** The orientation of the pictures; null when the container does not declare it. */
  readonly orientation: Orientation | null;
  readonly encrypted: boolean;
  /** Whether it holds a view for each eye, of which ffmpeg decodes one. */
  readonly spatial: boolean;
  /** Whether its pictures are of several codecs, of which ffmpeg reads the first. */
  readonly mixedCodecs: boolean;
  readonly livePhoto: boolean;
  /** The share of its bytes that the file has, where the container tells. */
  readonly shareOfBytes: number;
  /** The share of its bytes before a damaged part, where reading stops although more video follows. */
  readonly shareReadable: number;
  /** Whether it ends in the middle of one of its parts. */
  readonly cutOff: boolean;
  /** Whether it ends in zeros in place of data. */
  readonly zeroEnd: boolean;
  /** Whether another file follows in it, which is not read. */
  readonly joined: boolean;
  /** Whether the duration in its header is that of the whole video, and not of what is there. */
  readonly declaresDuration: boolean;
}

const NOTHING: ContainerFacts = {
  crop: null,
  pixelAspect: null,
  orientation: null,
  encrypted: false,
  spatial: false,
  mixedCodecs: false,
  livePhoto: false,
  shareOfBytes: 1,
  shareReadable: 1,
  cutOff: false,
  zeroEnd: false,
  joined: false,
  declaresDuration: true,
};

export async function readContainer(
  path: string,
  probed: Pick<ProbedFile, "container" | "videos">,
  film: Pick<ProbedVideo, "stream" | "id">,
  part: ByteRange | null,
): Promise<ContainerFacts> {
  await using file = await open(path);
  return {
    ...(await readFacts(file, probed, film, part)),
    zeroEnd: await endsInZeros(file, probed.container),
  };
}

async function readFacts(
  file: FileHandle,
  { container, videos: streams }: Pick<ProbedFile, "container" | "videos">,
  film: Pick<ProbedVideo, "stream" | "id">,
  part: ByteRange | null,
): Promise<ContainerFacts> {
  if (container.includes("mpegts") || container === "ogg") {
    const facts = { ...NOTHING, cutOff: await endsInsidePacket(file, container) };
    // The last page says when it ends, also of a file whose middle is damaged.
    if (container === "ogg") return facts;
    return { ...facts, declaresDuration: false, encrypted: await isScrambled(file) };
  }
  if (container.includes("mp4")) {
    const { videos, ...movie } = await readIsoMovie(file, part);
    // ffprobe before 4.4 does not print the track's number.
    const position = streams.findIndex(({ stream }) => stream === film.stream);
    const track = videos.find(({ id }) => id === film.id) ?? videos[position];
    return { ...NOTHING, ...track, ...movie };
  }
  const joined = UNREAD_WHERE_JOINED.has(container) && (await isJoined(file));
  const rest = { ...NOTHING, joined, shareOfBytes: await shareOfBytes(file) };
  if (container.includes("matroska")) {
    const track = (await readMatroskaTracks(file, part?.from))[film.stream];
    if (!track) return rest;
    // Without cropping ffprobe is right, in all versions.
    const { crop, encrypted } = track;
    return { ...rest, crop, encrypted, pixelAspect: crop ? track.pixelAspect : null };
  }
  return rest;
}

/** ffmpeg reads the second file of Matroska, AVI and MXF too. */
const UNREAD_WHERE_JOINED = new Set(["flv", "asf"]);

async function shareOfBytes(file: FileHandle): Promise<number> {
  const [end, { size }] = await Promise.all([declaredEnd(file), file.stat()]);
  return end === null ? 1 : Math.min(1, size / end);
}
