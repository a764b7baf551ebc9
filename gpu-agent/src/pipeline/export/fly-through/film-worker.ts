import { parentPort, workerData } from "node:worker_threads";
import { pinholeCamera, SplatRenderer } from "@splatt/cpu-trainer/rendering";
import type { Matrix4 } from "@splatt/formats";
import { readShPly } from "@splatt/formats/splats";
import sharp from "sharp";
import type { RenderingCost } from "./plan-film.ts";

export interface FilmTask {
  readonly splatFile: string;
  readonly poses: readonly Matrix4[];
  readonly width: number;
  readonly height: number;
  /** Focal length by width. */
  readonly focal: number;
  /** Measures what a picture costs, from the first pose, instead of rendering all. */
  readonly measure: boolean;
}

export type Film = { readonly cost: RenderingCost } | { readonly pictures: readonly Uint8Array[] };

/** Divides the width and height of the test picture that measures what a pixel costs. */
const SMALLER = 4;
const QUALITY = 92;

async function makeFilm({ splatFile, poses, width, height, focal, measure }: FilmTask): Promise<Film> {
  const began = performance.now();
  const cloud = await readShPly(splatFile);
  if (!cloud.ok) throw new Error(cloud.error);
  const renderer = new SplatRenderer(cloud.value, { width, height });
  const load = secondsSince(began);
  const picture = async (pose: Matrix4, part = 1) => {
    const size = { width: Math.floor(width / part), height: Math.floor(height / part) };
    const focalLength = focal * size.width;
    const pixels = renderer.render(
      pinholeCamera(
        {
          ...size,
          ...{ focalX: focalLength, focalY: focalLength, centerX: size.width / 2, centerY: size.height / 2 },
        },
        pose,
      ),
    );
    return sharp(pixels, { raw: { ...size, channels: 3 } })
      .jpeg({ quality: QUALITY, chromaSubsampling: "4:4:4" })
      .toBuffer();
  };
  if (!measure) {
    const pictures: Uint8Array[] = [];
    for (const pose of poses) pictures.push(await picture(pose));
    return { pictures };
  }
  const [first] = poses;
  if (first === undefined) throw new Error("there is no pose");
  // The first picture pays for compiling and for memory that is touched for the first time.
  await picture(first);
  const secondsOf = async (part: number) => {
    const start = performance.now();
    await picture(first, part);
    return secondsSince(start);
  };
  const [small, large] = [await secondsOf(SMALLER), await secondsOf(1)];
  const pixels = width * height;
  const pixel = Math.max(0, large - small) / (pixels * (1 - 1 / SMALLER ** 2));
  return { cost: { load, picture: Math.max(0, large - pixel * pixels), pixel } };
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}

parentPort?.postMessage(await makeFilm(workerData as FilmTask));
