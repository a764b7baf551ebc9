import { raw } from "hono/html";
import type { Child } from "hono/jsx";

export interface DocumentProps {
  readonly title: string;
  /** Names of scripts in client/, without extension. */
  readonly scripts?: readonly string[];
  /** Further elements of the head, such as OpenGraph tags. */
  readonly head?: Child;
  readonly children: Child;
}

/**
 * Says so when a script did not arrive, as over a line that was cut: without it, the page would stand still in silence.
 * It is part of the page, so it cannot get lost itself.
 */
const TELLS_OF_LOST_SCRIPTS = `addEventListener("error",e=>{if(e.target instanceof HTMLScriptElement)document.documentElement.dataset.lost=""},true)`;
/** Of TELLS_OF_LOST_SCRIPTS, as the pages' policy names it. */
export const INLINE_SCRIPT_HASH = "sha256-9w1ozhKSr3OIJQ1r0mMZXc9fqxqLdGXqIgvuLS9v4qk=";

/** The HTML around every page. Everything that it loads comes from this origin. */
export function Document({ title, scripts = [], head, children }: DocumentProps) {
  return (
    <>
      {raw("<!doctype html>")}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>{title}</title>
          <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
          <link rel="stylesheet" href="/assets/styles.css" />
          {head}
          {scripts.length > 0 && <script>{raw(TELLS_OF_LOST_SCRIPTS)}</script>}
          {scripts.map((name) => (
            <script type="module" src={`/assets/${name}.js`} />
          ))}
        </head>
        <body>
          <a class="skip" href="#content">
            Skip to content
          </a>
          {scripts.length > 0 && (
            <p class="lost-script" role="status">
              A part of this page did not arrive. Reload the page to try again.
            </p>
          )}
          {children}
        </body>
      </html>
    </>
  );
}

export function Brand() {
  return (
    <a class="brand" href="/">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <g transform="rotate(-28 16 16)">
          <ellipse cx="16" cy="16" rx="14.5" ry="7.5" fill="#ff8a4c" opacity=".75" />
        </g>
        <g transform="rotate(38 16 16)">
          <ellipse cx="16" cy="16" rx="13" ry="6" fill="#e0457b" opacity=".7" />
        </g>
        <circle cx="16" cy="16" r="4.5" fill="#fff3e6" />
      </svg>
      Splatt
    </a>
  );
}
