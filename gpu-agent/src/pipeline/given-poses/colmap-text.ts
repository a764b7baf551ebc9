import { err, ok, type Result } from "@splatt/shared";
import {
  CAMERA_MODELS,
  type ColmapCamera,
  type ColmapImage,
  type ColmapModel,
  type ColmapPoint,
} from "../poses/colmap-model.ts";

/*
 * COLMAP's models as text: cameras.txt, images.txt (two lines for each image, the second of which may be empty) and
 * points3D.txt. Each reader returns a sentence on what is wrong.
 */

export function readCamerasText(text: string): Result<ColmapModel["cameras"], string> {
  const cameras = new Map<number, ColmapCamera>();
  for (const line of text.split("\n")) {
    if (isComment(line)) continue;
    const [id = "", name = "", ...rest] = line.trim().split(/\s+/);
    const model = CAMERA_MODELS.findIndex((known) => known.name === name);
    if (model < 0)
      return err(`cameras.txt: camera model ${JSON.stringify(name.slice(0, 40))} is not supported.`);
    const [width = 0, height = 0, ...params] = rest.map(Number);
    if (
      !isId(id) ||
      !isSide(width) ||
      !isSide(height) ||
      params.length !== CAMERA_MODELS[model]?.parameters
    ) {
      return err(`cameras.txt: camera ${id.slice(0, 20)} is malformed.`);
    }
    cameras.set(Number(id), { id: Number(id), model, width, height, params });
  }
  return ok(cameras);
}

export function readImagesText(text: string): Result<readonly ColmapImage[], string> {
  const images: ColmapImage[] = [];
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    if (isComment(line)) continue;
    const [, id = "", pose = "", camera = "", name = ""] =
      /^\s*(\d+)((?:\s+\S+){7})\s+(\d+)\s+(.+?)\s*$/.exec(line) ?? [];
    const [w = 0, x = 0, y = 0, z = 0, tx = 0, ty = 0, tz = 0] = numbers(pose);
    if (!isId(id) || !isId(camera) || name === "") return err(`images.txt: line ${i + 1} is malformed.`);
    const values = numbers(lines[++i] ?? "");
    if (values.length % 3 !== 0) return err(`images.txt: line ${i + 1} is malformed.`);
    images.push({
      ...{ id: Number(id), cameraId: Number(camera), name },
      ...{ quaternion: [w, x, y, z], translation: [tx, ty, tz] },
      features: Float64Array.from(values.filter((_, at) => at % 3 !== 2)),
    });
  }
  return ok(images);
}

export function readPointsText(text: string): Result<readonly ColmapPoint[], string> {
  const points: ColmapPoint[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (isComment(line)) continue;
    const [, x = 0, y = 0, z = 0, red = 0, green = 0, blue = 0, error = 0, ...track] = numbers(line);
    if (track.length % 2 !== 0) return err(`points3D.txt: line ${i + 1} is malformed.`);
    const colour = [red, green, blue].map((value) => Math.min(255, Math.max(0, Math.round(value) || 0)));
    const [r = 0, g = 0, b = 0] = colour;
    points.push({ position: [x, y, z], colour: [r, g, b], error, track: Uint32Array.from(track) });
  }
  return ok(points);
}

function isComment(line: string): boolean {
  return line.trim() === "" || line.startsWith("#");
}

function numbers(text: string): number[] {
  return text.trim() === "" ? [] : text.trim().split(/\s+/).map(Number);
}

function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32;
}

function isSide(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0 && value <= 100_000;
}
