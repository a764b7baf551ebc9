export * from "./job-display.ts";
export * from "./job-progress.ts";
export * from "./result-summary.ts";
