/**
 * D1, the single source of truth for jobs. Times are epoch milliseconds.
 *
 * What the migrations add by hand, because drizzle cannot say it:
 * - `job_events`, `job_counts`, `job_labels` and `job_uploads` are written by triggers on `jobs`, so that no change of a
 *   job can be made without its history, the counters, labels and uploads following in the same statement;
 * - every table except `jobs` and `audit_events` is WITHOUT ROWID, which halves the rows billed for an insert.
 *
 * No foreign key cascades: a table rebuild by drizzle-kit would silently delete the child rows. What changes
 * often (progress, message, updated_at) is in no index, because each index touched is one more row written.
 */
export * from "./tables/agents.ts";
export * from "./tables/jobs.ts";
export * from "./tables/keys.ts";
export * from "./tables/links.ts";
export * from "./tables/results.ts";
export * from "./tables/uploads.ts";
export * from "./tables/webhooks.ts";
