import { z } from "zod";
import { NextCursor, Warnings } from "../answer-fields.ts";
import { JobStatus } from "../job-status.ts";
import { LabelPair, MAX_LABELS } from "../labels.ts";
import { laxNumber } from "../lax-number.ts";
import { POOL_NAME, PoolName } from "../pools.ts";
import { JobStatusView } from "./view.ts";

/** A parameter without a value is no filter, as the seed's clients send `status=`. */
const absentWhenEmpty = (value: unknown) => (value === "" ? undefined : value);
const MAX_REPEATS = 100;
/** A parameter that may be repeated. One that is repeated too often stays as it is, to be refused. */
const listOf = (value: unknown) => {
  const items = [value].flat();
  return items.length > MAX_REPEATS ? items : items.filter((item) => item !== "" && item !== undefined);
};

/** A naive time is UTC. An unescaped `+` of an offset arrives as a space. */
const Timestamp = z.string().transform((text, context) => {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+ -]\d\d:?\d\d)?)?$/i.exec(
    text.trim(),
  );
  const [, date = "", time = "00:00", offset = "Z"] = match ?? [];
  const at = Date.parse(`${date}T${time}${offset.replace(" ", "+").toUpperCase()}`);
  // A day that its month lacks would be read as one of the next month.
  const isOnCalendar = Number.isSafeInteger(at) && new Date(`${date}T00:00Z`).toISOString().startsWith(date);
  if (isOnCalendar) return at;
  context.addIssue({ code: "custom", message: "must be an ISO 8601 time, such as 2026-11-28T10:30:00Z" });
  return z.NEVER;
});

/** The query of GET /jobs. All filters must match; of several statuses, one. */
export const ListJobsQuery = z.object({
  task_id: z
    .preprocess(absentWhenEmpty, z.string().max(512).optional())
    .describe("Jobs with this `task_id`; it need not be unique."),
  label: z
    .preprocess(listOf, z.array(LabelPair).max(MAX_LABELS))
    .optional()
    .describe("`key=value`. May be repeated: then a job must have all of them."),
  status: z
    .preprocess(listOf, z.array(JobStatus).max(MAX_REPEATS))
    .optional()
    .meta({ items: { type: "string", enum: [...JobStatus.options, ""] } })
    .describe("May be repeated: then a job must have one of them."),
  pool: z
    .preprocess(absentWhenEmpty, PoolName.optional())
    .meta({ pattern: `^$|${POOL_NAME.source}` })
    .describe("Jobs of this pool."),
  created_after: z
    .preprocess(absentWhenEmpty, Timestamp.optional())
    .describe("Jobs created at this time or later. Without an offset it is UTC."),
  created_before: z
    .preprocess(absentWhenEmpty, Timestamp.optional())
    .describe("Jobs created before this time."),
  limit: laxNumber(z.int().min(0).max(1000)).default(100).describe("0 asks for `total` alone."),
  cursor: laxNumber(z.int().positive())
    .optional()
    .describe("`next_cursor` of the page before. A page may be empty and still have one."),
});
export type ListJobsQuery = z.infer<typeof ListJobsQuery>;

export const JobList = z.object({
  jobs: z.array(JobStatusView).describe("Newest first."),
  total: z
    .int()
    .nonnegative()
    .nullable()
    .describe(
      "How many jobs match. Exact without a filter and for statuses; null for other filters, which nothing counts.",
    ),
  next_cursor: NextCursor,
  warnings: Warnings,
});
export type JobList = z.infer<typeof JobList>;
