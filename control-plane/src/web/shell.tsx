import type { Scope } from "@splatt/shared";
import type { Child } from "hono/jsx";
import { Brand, Document, type DocumentProps } from "./document.tsx";
import type { Viewer } from "./page-api.ts";

interface Section {
  readonly href: string;
  readonly name: string;
  readonly scope: Scope;
  /** The path of its icon, in a square of 20. */
  readonly icon: string;
}

const SECTIONS: readonly Section[] = [
  { href: "/", name: "Overview", scope: "jobs:read", icon: "M3 10 10 4l7 6M5 9v7h10V9" },
  { href: "/app/jobs", name: "Jobs", scope: "jobs:read", icon: "M3 5h14M3 10h14M3 15h9" },
  { href: "/app/new", name: "New job", scope: "jobs:write", icon: "M10 13V4M6 8l4-4 4 4M4 13v3h12v-3" },
  {
    href: "/app/agents",
    name: "GPU boxes",
    scope: "agents",
    icon: "M4 6h12v8H4zM8 3v3M12 3v3M8 14v3M12 14v3",
  },
  {
    href: "/app/shares",
    name: "Shares",
    scope: "results:read",
    icon: "M8 12l4-4M9 6l2-2a3.5 3.5 0 0 1 5 5l-2 2M11 14l-2 2a3.5 3.5 0 0 1-5-5l2-2",
  },
  { href: "/app/keys", name: "API keys", scope: "admin", icon: "M7 16a3 3 0 1 1 2-5l7-7M13 7l2 2M9 11l.5.5" },
  {
    href: "/app/webhooks",
    name: "Webhooks",
    scope: "jobs:read",
    icon: "M3 10h11M10 6l4 4-4 4M17 4v12",
  },
  { href: "/app/usage", name: "Usage", scope: "jobs:read", icon: "M4 16V9M8 16V5M12 16v-5M16 16V7" },
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
            {SECTIONS.filter(({ scope }) => viewer.may(scope)).map(({ href, name, icon }) => (
              <a href={href} aria-current={href === section ? "page" : undefined}>
                <svg viewBox="0 0 20 20" aria-hidden="true">
                  <path d={icon} />
                </svg>
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
