import type { JobStatus } from "@splatt/shared";
import { inArray, type SQL, sql } from "drizzle-orm";
import { jobs } from "./schema.ts";

/**
 * The condition that jobs, which other conditions select, have one of the statuses. The `+` keeps SQLite from finding
 * them by their status: without statistics, which nobody collects in D1, it takes a status for rarer than a few ids,
 * and reads every job that has it.
 */
export function hasStatus(statuses: readonly JobStatus[]): SQL {
  return inArray(sql`+${jobs.status}`, [...statuses]);
}
