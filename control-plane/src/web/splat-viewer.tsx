import { type ResultEntry, THUMBNAIL_FILE } from "@splatt/shared";

type Results = Readonly<Record<string, ResultEntry>>;

/** What the viewer shows; paths of this site. */
export interface ViewedSplat {
  /** A .sog file. */
  readonly content: string;
  /** The transforms.json of the capture. */
  readonly cameras: string;
  readonly poster: string | null;
}

/** A job's splat; null when it has no file that the viewer can show. */
export function viewedSplat(results: Results | null): ViewedSplat | null {
  const { "baked_splat.sog": content, "transforms.json": cameras, [THUMBNAIL_FILE]: poster } = results ?? {};
  if (content === undefined || cameras === undefined) return null;
  return {
    content: content.url,
    cameras: cameras.url,
    poster: poster === undefined ? null : `${poster.url}?download=0`,
  };
}

/** What the head of a page with a viewer needs. */
export function ViewerStyles() {
  return <link rel="stylesheet" href="/assets/viewer.css" />;
}

/** Filled by client/viewer.ts; without scripts or WebGL, it stays the poster. */
export function SplatViewer({ splat }: { readonly splat: ViewedSplat }) {
  const { content, cameras, poster } = splat;
  return (
    <figure class="stage">
      {poster !== null && <img class="poster" src={poster} alt="The splat, from a camera of the capture" />}
      <div
        class="viewer"
        data-viewer
        data-content={content}
        data-cameras={cameras}
        data-poster={poster ?? undefined}
      />
    </figure>
  );
}
