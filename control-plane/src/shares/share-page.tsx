import { LOD_META_FILE, type ShareMeta } from "@splatt/shared";
import { type Context, Hono } from "hono";
import type { AppEnv } from "../app-env.ts";
import { database } from "../db/database.ts";
import { publicUrl } from "../http/public-url.ts";
import { Document } from "../web/document.tsx";
import { bytes } from "../web/format.ts";
import { securityHeaders } from "../web/security-headers.ts";
import { FlyThrough, SplatViewer, ViewerHead } from "../web/splat-viewer.tsx";
import { toMeta } from "./routes.ts";
import { findShare } from "./shares.ts";

const UNTITLED = "3D Gaussian splat";

/** The pages of shares: the viewer, the title and, where allowed, downloads. They need no key. */
export const sharePages = new Hono<AppEnv>({ strict: false })
  .use("/s/:token", securityHeaders(false))
  .use("/embed/:token", securityHeaders(true))
  .get("/s/:token", (c) => sharePage(c, "page"))
  .get("/embed/:token", (c) => sharePage(c, "embedded"));

async function sharePage(c: Context<AppEnv>, form: "page" | "embedded"): Promise<Response> {
  const token = c.req.param("token") ?? "";
  const shared = await findShare(database(c.env.DB), token, Date.now());
  // The link is a secret that search engines must not list.
  c.header("x-robots-tag", "noindex");
  if (shared === null) return c.html(<Gone />, 404);
  const meta = toMeta(shared, token);
  const absolute = (path: string) => publicUrl(c.env, c.req.url, path);
  return c.html(<SharePage meta={meta} path={`/s/${token}`} absolute={absolute} form={form} />);
}

function SharePage(props: {
  readonly meta: ShareMeta;
  readonly path: string;
  readonly absolute: (path: string) => string;
  readonly form: "page" | "embedded";
}) {
  const { meta, path, absolute, form } = props;
  const title = meta.title ?? UNTITLED;
  const splat = meta.splat.endsWith(".sog")
    ? {
        content: meta.files[LOD_META_FILE]?.url ?? meta.splat,
        cameras: meta.cameras,
        poster: meta.poster === null ? null : `${meta.poster}?download=0`,
      }
    : null;
  const head = (
    <>
      <meta property="og:type" content="website" />
      <meta property="og:title" content={title} />
      <meta property="og:url" content={absolute(path)} />
      {meta.poster !== null && <meta property="og:image" content={absolute(meta.poster)} />}
      {meta.video !== null && (
        <>
          <meta property="og:video" content={`${absolute(meta.video)}?download=0`} />
          <meta property="og:video:type" content="video/mp4" />
        </>
      )}
      {splat !== null && <ViewerHead splat={splat} />}
      <meta name="twitter:card" content={meta.poster === null ? "summary" : "summary_large_image"} />
    </>
  );
  return (
    <Document title={title} head={head} scripts={splat === null ? [] : ["viewer"]}>
      <main class="shared" id="content">
        {splat !== null && <SplatViewer splat={splat} />}
        {splat === null && <StillOrFilm meta={meta} title={title} />}
        <div class="shared-title">
          <h1>{title}</h1>
          {form === "embedded" ? (
            <a href={path} target="_blank" rel="noopener">
              Open
            </a>
          ) : (
            <>
              {splat !== null && meta.video !== null && (
                <a href={`${meta.video}?download=0`} target="_blank" rel="noopener">
                  Watch the fly-through
                </a>
              )}
              <Downloads meta={meta} />
            </>
          )}
        </div>
      </main>
    </Document>
  );
}

/** Where the viewer cannot show the splat. */
function StillOrFilm({ meta, title }: { readonly meta: ShareMeta; readonly title: string }) {
  const poster = meta.poster === null ? undefined : `${meta.poster}?download=0`;
  if (meta.video !== null) {
    return <FlyThrough video={`${meta.video}?download=0`} poster={poster ?? null} />;
  }
  return poster === undefined ? null : <img src={poster} alt={title} />;
}

function Downloads({ meta }: { readonly meta: ShareMeta }) {
  if (!meta.allow_download) return null;
  return (
    <details>
      <summary>Download</summary>
      <ul>
        {Object.entries(meta.files).map(([name, { url, size }]) => (
          <li>
            <a href={url}>{name}</a> <span class="number">{bytes(size)}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Gone() {
  return (
    <Document title="Nothing is shared here">
      <main class="front" id="content">
        <h1>Nothing is shared here</h1>
        <p>The link is incomplete, or the share has ended. Ask whoever sent it for a new one.</p>
      </main>
    </Document>
  );
}
