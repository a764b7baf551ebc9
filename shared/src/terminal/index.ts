/** How jobs, bytes and durations are shown to people on a terminal, by every program of the project. */
export * from "./byte-text.ts";
export * from "./job-display.ts";
export * from "./job-progress.ts";
export * from "./result-summary.ts";
