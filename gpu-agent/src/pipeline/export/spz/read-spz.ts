import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { err, ok, type Result } from "@splatt/shared";
import { colourOf, column, type SplatSample, sampled } from "../check/same-splat.ts";
import type { WebFileHeader } from "../sog/read-sog.ts";
import { COLOUR_SCALE, HEADER_BYTES, SPZ_MAGIC } from "./spz-format.ts";

/** @throws when the file is not gzipped */
export async function readSpz(
  path: string,
): Promise<Result<WebFileHeader & { sample: SplatSample }, string>> {
  const bytes = gunzipSync(await readFile(path));
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== SPZ_MAGIC) return err("it is not a .spz");
  const [version, gaussians, shDegree] = [bytes.readUInt32LE(4), bytes.readUInt32LE(8), bytes.readUInt8(12)];
  const perGaussian = 9 + 3 + 3 + 1 + 4 + 3 * ((shDegree + 1) ** 2 - 1);
  if (bytes.length < HEADER_BYTES + gaussians * perGaussian) return err("it is cut off");
  const indices = sampled(gaussians);
  const unit = 2 ** -bytes.readUInt8(13);
  const opacities = HEADER_BYTES + 9 * gaussians;
  const colours = opacities + gaussians;
  const sample = {
    positions: [0, 1, 2].map((axis) =>
      column(indices, (i) => unit * bytes.readIntLE(HEADER_BYTES + 9 * i + 3 * axis, 3)),
    ),
    opacities: column(indices, (i) => bytes.readUInt8(opacities + i) / 255),
    colours: [0, 1, 2].map((channel) =>
      column(indices, (i) =>
        colourOf((bytes.readUInt8(colours + 3 * i + channel) / 255 - 0.5) / COLOUR_SCALE),
      ),
    ),
  };
  return ok({ version, gaussians, shDegree, sample });
}
