import { openAsBlob } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, extname, join, relative, resolve, sep } from "node:path";
import { TAR_BLOCK, tarHeader, tarPadding } from "@splatt/shared";
import type { UploadSource } from "../index.ts";

const PHOTO = /\.(?:jpe?g|png|webp|avif|hei[cf])$/i;
const MAX_PATH_BYTES = 100;

/**
 * A tar of the photos in a folder and its subfolders, to upload. It is never written: its bytes are read from the
 * photos while they are sent. The same photos give the same bytes, so an interrupted upload can be continued.
 *
 * @returns null when the folder has no photos
 */
export async function packPhotos(folder: string): Promise<UploadSource | null> {
  const root = resolve(folder);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && PHOTO.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (path) =>
        !relative(root, path)
          .split(sep)
          .some((part) => part.startsWith(".")),
    )
    .toSorted();
  if (paths.length === 0) return null;
  const parts: (Blob | Uint8Array<ArrayBuffer>)[] = [];
  for (const [index, path] of paths.entries()) {
    const photo = await openAsBlob(path);
    parts.push(
      tarHeader({ path: nameOf(root, path, index), size: photo.size }),
      photo,
      tarPadding(photo.size),
    );
  }
  const content = new Blob([...parts, new Uint8Array(2 * TAR_BLOCK)]);
  // Results go to a folder of the archive's name, which must not be the folder of the photos.
  return { name: `${basename(root) || "scene"}-photos.tar`, content };
}

/** The path in the archive; a name of ours for one that a tar header cannot hold. */
function nameOf(root: string, path: string, index: number): string {
  const name = relative(root, path).split(sep).join("/");
  return Buffer.byteLength(name) <= MAX_PATH_BYTES ? name : `photo_${index + 1}${extname(path)}`;
}
