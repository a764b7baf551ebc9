import type { Scope } from "@splatt/shared";
import type { Child } from "hono/jsx";
import { Brand, Document, type DocumentProps } from "./document.tsx";
import type { Viewer } from "./page-api.ts";

const SECTIONS: readonly { readonly href: string; readonly name: string; readonly scope: Scope | null }[] = [
  { href: "/", name: "Overview", scope: "jobs:read" },
  { href: "/app/jobs", name: "Jobs", scope: "jobs:read" },
  { href: "/app/new", name: "New job", scope: "jobs:write" },
  { href: "/app/agents", name: "GPU boxes", scope: "agents" },
  { href: "/app/shares", name: "Shares", scope: "results:read" },
  { href: "/app/keys", name: "API keys", scope: "admin" },
  { href: "/app/webhooks", name: "Webhooks", scope: "jobs:read" },
  { href: "/app/usage", name: "Usage", scope: "jobs:read" },
];

interface ShellProps extends DocumentProps {
  readonly viewer: Viewer;
  /** The path of the section that the page belongs to. */
  readonly section: string;
  readonly children: Child;
}

/** The frame of a signed-in page. It offers only what the key's scopes allow. */
export function Shell({ viewer, section, title, children, ...document }: ShellProps) {
  return (
    <Document title={`${title} · Splatt`} {...document}>
      <div class="frame">
        <header class="side">
          <Brand />
          <nav aria-label="Sections">
            {SECTIONS.filter(({ scope }) => scope === null || viewer.may(scope)).map(({ href, name }) => (
              <a href={href} aria-current={href === section ? "page" : undefined}>
                {name}
              </a>
            ))}
          </nav>
          <div class="who">
            <span>{viewer.name}</span>
            <form method="post" action="/sign-out">
              <button class="quiet" type="submit">
                Sign out
              </button>
            </form>
          </div>
        </header>
        <main class="content" id="content">
          {children}
        </main>
      </div>
    </Document>
  );
}
