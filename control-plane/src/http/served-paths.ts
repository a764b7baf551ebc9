/** The first segments of all paths that the Worker serves. The embedded runtime's front door passes nothing else. */
export const SERVED_SEGMENTS: readonly string[] = [
  "",
  "agent",
  "agents",
  "app",
  "assets",
  "audit",
  "deliveries",
  "dist",
  "embed",
  "health",
  "docs",
  "jobs",
  "llms.txt",
  "keys",
  "links",
  "mcp",
  "me",
  "metrics",
  "s",
  "openapi.json",
  "session",
  "shares",
  "sign-in",
  "sign-out",
  "uploads",
  "usage",
  "webhooks",
];

/** Web pages and agents' endpoints: not part of the public API. */
export function isPublicApi(path: string): boolean {
  const isPage =
    path === "/" ||
    /^\/(?:app(?:\/|$)|assets\/|dist\/|docs(?:\/|$)|sign-(?:in|out)$|(?:s|embed)\/[^/]+\/?$)/.test(path);
  return !isPage && path !== "/agent" && !path.startsWith("/agent/");
}
