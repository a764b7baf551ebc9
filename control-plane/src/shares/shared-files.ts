import { FLY_THROUGH_FILE, isLodFile, THUMBNAIL_FILE } from "@splatt/shared";

const CAMERAS_FILE = "transforms.json";
/** What a viewer can show, the smallest first. The PLY stands in where no web format could be made. */
const SPLATS = ["baked_splat.sog", "baked_splat.spz", "baked_splat.ply"] as const;
const DOWNLOADS: readonly string[] = ["baked_splat.ply", "baked_splat_sh.ply"];

export interface SharedFiles<T> {
  readonly files: readonly T[];
  readonly splat: T;
  readonly cameras: T;
  readonly poster: T | null;
  readonly video: T | null;
}

/**
 * The files of a job that a share gives away: those that a viewer needs, and the PLYs where downloads are allowed. Logs
 * and reports are not among them.
 *
 * @returns null when there is nothing to show
 */
export function sharedFiles<T extends { readonly filename: string }>(
  results: readonly T[],
  allowDownload: boolean,
): SharedFiles<T> | null {
  const find = (name: string) => results.find(({ filename }) => filename === name);
  const splat = SPLATS.map(find).find((file) => file !== undefined);
  const cameras = find(CAMERAS_FILE);
  if (splat === undefined || cameras === undefined) return null;
  const [poster = null, video = null] = [find(THUMBNAIL_FILE), find(FLY_THROUGH_FILE)];
  const streamed = results.filter(({ filename }) => isLodFile(filename));
  const web = [...SPLATS.slice(0, -1).map(find), ...streamed];
  const downloads = allowDownload ? DOWNLOADS.map(find) : [];
  const files = new Set([splat, ...web, cameras, poster, video, ...downloads]);
  return {
    files: [...files].filter((file) => file !== undefined && file !== null),
    ...{ splat, cameras, poster, video },
  };
}
