import { LOD_META_FILE, type ResultEntry, THUMBNAIL_FILE } from "@splatt/shared";

type Results = Readonly<Record<string, ResultEntry>>;

/** What the viewer shows; paths of this site. */
export interface ViewedSplat {
  /** A .sog file, or the lod-meta.json of a streamed set. */
  readonly content: string;
  /** The transforms.json of the capture. */
  readonly cameras: string;
  readonly poster: string | null;
}

/** A job's splat; null when it has no file that the viewer can show. */
export function viewedSplat(results: Results | null): ViewedSplat | null {
  const { [LOD_META_FILE]: set, "baked_splat.sog": whole, "transforms.json": cameras } = results ?? {};
  const content = set ?? whole;
  if (content === undefined || cameras === undefined) return null;
  return { content: content.url, cameras: cameras.url, poster: posterOf(results) };
}

/** The picture of a job's splat; null where it has none. */
export function posterOf(results: Results | null): string | null {
  const poster = results?.[THUMBNAIL_FILE];
  return poster === undefined ? null : `${poster.url}?download=0`;
}

/** The film of a flight through the scene. It is fetched when it is played. */
export function FlyThrough({ video, poster }: { readonly video: string; readonly poster: string | null }) {
  return (
    <video
      class="film"
      controls
      loop
      muted
      playsinline
      preload="none"
      src={video}
      poster={poster ?? undefined}
      aria-label="A flight through the scene"
    />
  );
}

/** What the head of a page with a viewer needs. The splat is fetched while the viewer's script still is. */
export function ViewerHead({ splat: { content, cameras } }: { readonly splat: ViewedSplat }) {
  return (
    <>
      <link rel="stylesheet" href="/assets/viewer.css" />
      {[content, cameras].map((path) => (
        <link rel="preload" as="fetch" href={path} crossorigin="anonymous" />
      ))}
    </>
  );
}

/** Filled by client/viewer.ts. Without scripts or WebGL, it stays the poster, and says why. */
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
      <button class="stage-tool" type="button" data-screenshot hidden>
        Save a picture
      </button>
      <p class="stage-note" role="status" data-viewer-failed="webgl" hidden>
        This browser cannot show the splat: the viewer needs WebGL 2.
      </p>
      <p class="stage-note" role="status" data-viewer-failed="transfer" hidden>
        The splat could not be loaded. Reload the page to try again.
      </p>
      <p class="stage-note" role="status" data-viewer-failed="lost" hidden>
        The browser stopped drawing the splat. Reload the page to see it again.
      </p>
      <noscript>
        <p class="stage-note">To walk around in the splat, turn on JavaScript.</p>
      </noscript>
    </figure>
  );
}
