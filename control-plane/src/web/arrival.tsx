import { Brand, Document } from "./document.tsx";

/**
 * What somebody gets first who follows a link of another site. The page asks for the same address again at once: now
 * the site itself does, so the browser sends the session's cookie, which is for requests of this site only.
 *
 * @param path the page's own
 */
export function Arrival({ path }: { readonly path: string }) {
  return (
    <Document title="Splatt" head={<meta http-equiv="refresh" content={`0; url=${path}`} />}>
      <main class="front" id="content">
        <Brand />
        <h1 class="visually-hidden">One moment</h1>
        <p>
          <a href={path}>Continue</a>
        </p>
      </main>
    </Document>
  );
}
