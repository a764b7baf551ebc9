import type { FramesOutput } from "../frames/frames-stage.ts";
import type { PhotoFrames } from "../photos/photo-frames.ts";
import type { ImageCamera, Place } from "./colmap-step.ts";
import type { FilmedFrames } from "./missing-parts.ts";
import type { SensedFrames } from "./sensed-up.ts";
import type { Vector3 } from "./vectors.ts";

/* What is known of the frames from the videos and photos that they were made from, by the frames' names. */

/** The cameras of the frames: a video has one. */
export function camerasOf(frames: FramesOutput, names: readonly string[]): [ImageCamera, ...ImageCamera[]] {
  if ("fps" in frames) {
    const { width, height } = frames;
    return [{ width, height, names, known: true, focal: null }];
  }
  const videoOf = videoOfFrames(frames.videos, names);
  const [first, ...others] = frames.cameras.map((camera, index): ImageCamera => {
    const ofCamera = names.filter((_, i) => frames.photos[i]?.camera === index);
    const known = camera.focal !== null || ofCamera.some((name) => videoOf.has(name));
    return { ...camera, names: ofCamera, known };
  });
  if (first === undefined) throw new RangeError("the frames have no camera");
  return [first, ...others];
}

/** The video that each frame is from, by the frame's name; photos are absent. */
export function videoOfFrames(
  videos: PhotoFrames["videos"],
  names: readonly string[],
): ReadonlyMap<string, number> {
  return new Map(
    videos.flatMap(({ from, count }, video) =>
      names.slice(from, from + count).map((name) => [name, video] as const),
    ),
  );
}

/** The frames of the video or of each of several. */
export function filmedFrames(frames: FramesOutput, names: readonly string[]): FilmedFrames[] {
  if ("fps" in frames) return [{ video: null, names, times: frames.times }];
  return frames.videos.map(({ name, from, count, times }) => {
    return { video: name, names: names.slice(from, from + count), times };
  });
}

/** What the accelerometers of the cameras said. */
export function sensedFrames(frames: FramesOutput, names: readonly string[]): SensedFrames[] {
  const videos = "fps" in frames ? [{ ...frames, from: 0 }] : frames.videos;
  return videos.flatMap(({ from, gravity }) => {
    if (gravity === undefined) return [];
    const up = gravity.up.flatMap((reading, i): [string, Vector3][] =>
      reading === null ? [] : [[names[from + i] ?? "", reading]],
    );
    return [{ axes: gravity.axes, up: new Map(up) }];
  });
}

/** Metres per degree of latitude. */
const METRES_PER_DEGREE = 111_320;

/** Where the photos were taken, on a plane that touches the earth at one of them. */
export function placesOf(
  photos: PhotoFrames["photos"],
  names: readonly string[],
): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  const origin = photos.find(({ position }) => position !== null)?.position;
  if (!origin) return places;
  const east = METRES_PER_DEGREE * Math.cos((origin.latitude * Math.PI) / 180);
  for (const [i, { position }] of photos.entries()) {
    const name = names[i];
    if (position === null || name === undefined) continue;
    const { latitude, longitude, altitude } = position;
    places.set(name, [
      east * (longitude - origin.longitude),
      METRES_PER_DEGREE * (latitude - origin.latitude),
      altitude === null || origin.altitude === null ? 0 : altitude - origin.altitude,
    ]);
  }
  return places;
}
