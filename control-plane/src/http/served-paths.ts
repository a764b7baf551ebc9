/** The first segments of all paths that the Worker serves. The embedded runtime's front door passes nothing else. */
export const SERVED_SEGMENTS: readonly string[] = [
  "",
  "agent",
  "agents",
  "app",
  "assets",
  "health",
  "jobs",
  "links",
  "me",
  "session",
  "sign-in",
  "sign-out",
  "uploads",
];
