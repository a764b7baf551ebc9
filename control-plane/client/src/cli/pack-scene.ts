import { openAsBlob } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, extname, join, relative, resolve, sep } from "node:path";
import type { UploadSource } from "../index.ts";
import { packFiles } from "../pack-files.ts";

const PHOTO = /\.(?:jpe?g|png|webp|avif|hei[cf])$/i;
const VIDEO = /\.(?:mp4|m4v|mov|3gp|mkv|webm|avi|m?ts|m2ts|mpe?g|vob|flv|wmv|asf|og[gv]|mxf)$/i;
/** Camera poses: nerfstudio's, and a COLMAP model. */
const POSES = /(?:^|\/)(?:transforms\.json|(?:cameras|images|points3D)\.(?:bin|txt))$/;

/**
 * The photos, the videos and the camera poses in a folder and its subfolders, packed to upload.
 *
 * @returns null when the folder has neither photos nor videos
 */
export async function packFolder(folder: string): Promise<UploadSource | null> {
  const root = resolve(folder);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !path.split("/").some((part) => part.startsWith(".")));
  const photos = paths.filter((path) => PHOTO.test(path));
  const stem = (path: string) => path.slice(0, -extname(path).length).toLowerCase();
  const stills = new Set(photos.map(stem));
  // A video with a photo's name is the clip of a live photo.
  const videos = paths.filter((path) => VIDEO.test(path) && !stills.has(stem(path)));
  if (photos.length + videos.length === 0) return null;
  const poses = paths.filter((path) => POSES.test(path));
  const kind = poses.length > 0 ? "dataset" : videos.length > 0 ? "scene" : "photos";
  // Results go to a folder of the archive's name, which must not be the folder of the photos.
  return pack(`${basename(root) || "scene"}-${kind}.tar`, root, [...photos, ...videos, ...poses].toSorted());
}

async function pack(name: string, root: string, paths: readonly string[]): Promise<UploadSource> {
  const files = await Promise.all(
    paths.map(async (path) => ({ path, content: await openAsBlob(join(root, path)) })),
  );
  return { name, content: packFiles(files) };
}
