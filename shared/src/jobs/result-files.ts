import { z } from "zod";

/** The files that every completed job has. Further ones exist where they could be made. */
export const RESULT_FILES = ["transforms.json", "baked_splat.ply", "baked_splat_sh.ply"] as const;

/** The newest picture of the splat while a job trains; the thumbnail replaces it when the job is completed. */
export const PREVIEW_FILE = "preview.webp";
export const THUMBNAIL_FILE = "thumbnail.webp";
/** A film of a flight through the cameras of the capture. */
export const FLY_THROUGH_FILE = "flythrough.mp4";
/** Lists the files of a streamed set with levels of detail. Viewers know it by this name. */
export const LOD_META_FILE = "lod-meta.json";

/** Whether a file belongs to the streamed set: `lod-meta.json`, or `lod-LEVEL-NUMBER.sog`. */
export function isLodFile(filename: string): boolean {
  return filename === LOD_META_FILE || /^lod-\d+-\d+\.sog$/.test(filename);
}

/** The output of the tools, which a completed job keeps. */
export const LOG_FILE = "pipeline.log";
export const MAX_PREVIEW_BYTES = 512 * 1024;

const RESULT_CONTENT_TYPES: ReadonlyMap<string, string> = new Map([
  ["json", "application/json"],
  ["ply", "application/octet-stream"],
  ["spz", "application/octet-stream"],
  ["sog", "application/zip"],
  ["webp", "image/webp"],
  ["mp4", "video/mp4"],
  ["log", "text/plain; charset=utf-8"],
]);

export function resultContentType(filename: string): string {
  const extension = filename.slice(filename.lastIndexOf(".") + 1);
  return RESULT_CONTENT_TYPES.get(extension) ?? "application/octet-stream";
}

export const ResultEntry = z.object({
  url: z.string().describe("Relative to the API's origin."),
  size: z.int().nonnegative().describe("Bytes."),
  sha256: z.string().describe("Hex."),
  content_type: z.string().describe("The media type that a download has."),
});
export type ResultEntry = z.infer<typeof ResultEntry>;
