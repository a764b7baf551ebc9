import { type ResultEntry, THUMBNAIL_FILE } from "@splatt/shared";

type Results = Readonly<Record<string, ResultEntry>>;

/** The file that the viewer can show; null when the job has none. */
export function viewableFile(results: Results | null): string | null {
  if (results === null || !Object.hasOwn(results, "transforms.json")) return null;
  return Object.hasOwn(results, "baked_splat.sog") ? "baked_splat.sog" : null;
}

interface SplatViewerProps {
  /** The path of the files, without a slash at its end. */
  readonly base: string;
  readonly results: Results;
  readonly content: string;
}

/** Filled by client/viewer.ts; without scripts or WebGL, it stays the poster. */
export function SplatViewer({ base, results, content }: SplatViewerProps) {
  const poster = Object.hasOwn(results, THUMBNAIL_FILE) ? `${base}/${THUMBNAIL_FILE}` : undefined;
  return (
    <figure class="stage">
      {poster !== undefined && (
        <img class="poster" src={poster} alt="The splat, from a camera of the capture" />
      )}
      <div
        class="viewer"
        data-viewer
        data-content={`${base}/${content}`}
        data-cameras={`${base}/transforms.json`}
        data-poster={poster}
      />
    </figure>
  );
}
