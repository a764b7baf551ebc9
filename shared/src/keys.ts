import { z } from "zod";
import { NextCursor, Warnings } from "./answer-fields.ts";
import { Labels } from "./labels.ts";
import { laxNumber } from "./lax-number.ts";
import { oneLine } from "./one-line.ts";
import { PoolName } from "./pools.ts";
import { Scope } from "./scopes.ts";
import { dateTime } from "./timestamps.ts";

const limit = (max: number, min = 0) => laxNumber(z.int().min(min).max(max)).nullable().default(null);

/** What a key may use at most; null means no limit. */
export const KeyLimits = z.object({
  requests_per_minute: limit(1_000_000, 1).describe(
    "Requests in a minute; null means no limit. More are answered 429.",
  ),
  jobs_per_hour: limit(1_000_000).describe("Jobs created in each hour of the clock; null means no limit."),
  jobs_waiting: limit(100_000).describe("Jobs in the status `queued` at one time; null means no limit."),
  bytes_stored: limit(Number.MAX_SAFE_INTEGER).describe(
    "Bytes of the key's uploads and of its jobs' results; null means no limit.",
  ),
  upload_bytes: limit(Number.MAX_SAFE_INTEGER).describe("Bytes of one upload; null means no limit."),
});
export type KeyLimits = z.infer<typeof KeyLimits>;

/** The limits whose excess is refused with 403 `quota_exceeded`. */
export const QUOTAS = ["jobs_per_hour", "jobs_waiting", "bytes_stored", "upload_bytes"] as const;
export type Quota = (typeof QUOTAS)[number];

/** POST /keys: the fields of its body. */
export const CreateKeyFields = z.object({
  name: oneLine(z.string().trim().min(1).max(255)).describe(
    "A name for whoever uses the key, shown in lists. It need not be unique.",
  ),
  scopes: z
    .array(Scope)
    .min(1)
    .transform((scopes) => [...new Set(scopes)])
    .describe("What the key may do. `admin` includes the others."),
  expires_at: z.iso
    .datetime({ offset: true })
    .nullable()
    .default(null)
    .describe(
      "When the key stops working, with an offset, such as `2027-01-31T00:00:00Z`; null means never.",
    ),
  pool: PoolName.nullable()
    .default(null)
    .describe("The only pool that the key sees and uses; null means every pool."),
  labels: Labels.nullable()
    .default(null)
    .describe("Labels that all the jobs have that the key sees and creates; null means no restriction."),
  limits: KeyLimits.nullable().default(null).describe("What the key may use at most; null means no limit."),
});

/**
 * POST /keys. A key with the scope `admin` can make keys, so a restriction of it would be none; and an agent gets the
 * jobs of its whole pool, whatever their labels.
 */
export const CreateKey = CreateKeyFields.superRefine(({ scopes, pool, labels, limits }, context) => {
  const refuse = (field: string, message: string) =>
    context.addIssue({ code: "custom", path: [field], message });
  const hasLabels = labels !== null && Object.keys(labels).length > 0;
  if (scopes.includes("admin")) {
    const message = "A key with the scope admin can make other keys, so it cannot be restricted";
    if (pool !== null) refuse("pool", message);
    if (hasLabels) refuse("labels", message);
    if (limits !== null && Object.values(limits).some((limit) => limit !== null)) refuse("limits", message);
  } else if (scopes.includes("agents") && hasLabels) {
    refuse("labels", "Agents get all jobs of their pool, so a key with the scope agents can have no labels");
  }
});
export type CreateKey = z.infer<typeof CreateKey>;

/** A key, without the key itself. */
export const KeyView = z.object({
  key_id: z.uuid().describe("The key's id, which is not a secret."),
  name: z.string().describe("As the key was created."),
  prefix: z.string().describe("The first characters of the key, to recognise it by."),
  scopes: z.array(Scope).describe("What the key may do."),
  pool: z.string().nullable().describe("The only pool that it sees; null means every pool."),
  labels: z
    .record(z.string(), z.string())
    .nullable()
    .describe("Labels of all the jobs that it sees; null means no restriction."),
  limits: KeyLimits.nullable().describe("What the key may use at most; null means no limit."),
  created_at: dateTime().describe("When the key was created."),
  created_by: z.string().nullable().describe("The id of the key that made it; null means the bootstrap key."),
  expires_at: dateTime().nullable().describe("When the key stops working; null means never."),
  last_used_at: dateTime().nullable().describe("When the key was last used, to the hour; null means never."),
  revoked_at: dateTime().nullable().describe("When the key was revoked; null while it is not."),
});
export type KeyView = z.infer<typeof KeyView>;

/** The only answer that contains the key. */
export const KeyCreated = KeyView.extend({
  key: z.string().describe("The API key. No other answer contains it."),
});
export type KeyCreated = z.infer<typeof KeyCreated>;

export const KeyList = z.object({
  keys: z.array(KeyView).describe("Newest first, with those that were revoked or have expired."),
  next_cursor: NextCursor.default(null),
  warnings: Warnings,
});
export type KeyList = z.infer<typeof KeyList>;

/** What a key uses of its limits. */
export const LimitUse = z.object({
  jobs_per_hour: z.int().describe("Jobs created in this hour of the clock."),
  jobs_waiting: z.int().describe("Jobs in the status `queued`."),
  bytes_stored: z.int().describe("Bytes of the key's uploads and of its jobs' results."),
});
export type LimitUse = z.infer<typeof LimitUse>;

const Day = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/, "must be a day such as 2027-01-31")
  .refine((day) => z.iso.date().safeParse(day).success, "must be a day of the calendar");

/** GET /usage. */
export const UsageQuery = z.object({
  from: Day.optional().describe(
    "The first day, UTC, such as `2027-01-31`; by default, 30 days up to today are shown.",
  ),
  to: Day.optional().describe("The last day, UTC; by default, today."),
  key_id: z
    .string()
    .max(64)
    .optional()
    .describe(
      "The key whose usage is wanted; `bootstrap` for the bootstrap key. Only for keys with the scope `admin`: others always see their own.",
    ),
});

export const UsageList = z.object({
  days: z
    .array(
      z.object({
        day: z.string().describe("The day, UTC, such as `2027-01-31`."),
        key_id: z.string().nullable().describe("Whose usage it is; null means the bootstrap key."),
        jobs: z.int().describe("Jobs that ended on this day."),
        uploaded_bytes: z.int().describe("Bytes of the uploads that began on this day and were completed."),
        result_bytes: z.int().describe("Bytes of the results of the jobs that ended on this day."),
      }),
    )
    .describe("Newest first, one entry for each day and key; days without use are missing."),
  warnings: Warnings,
});
export type UsageList = z.infer<typeof UsageList>;

/** What the audit records. */
export const AUDIT_ACTIONS = [
  "key.created",
  "key.revoked",
  "agent.created",
  "agent.drained",
  "agent.deleted",
  "job.cancelled",
  "job.pinned",
  "job.unpinned",
  "job.deleted",
  "upload.deleted",
  "share.created",
  "share.deleted",
  "webhook.created",
  "webhook.deleted",
  "session.created",
  "session.deleted",
] as const;
export const AuditAction = z.enum(AUDIT_ACTIONS);
export type AuditAction = z.infer<typeof AuditAction>;

/** GET /audit. */
export const AuditQuery = z.object({
  limit: laxNumber(z.int().min(1).max(1000)).default(100).describe("Entries on a page."),
  cursor: laxNumber(z.int().min(0)).optional().describe("`next_cursor` of the page before."),
});

export const AuditList = z.object({
  events: z
    .array(
      z.object({
        at: dateTime().describe("When the request was made."),
        key_id: z.string().nullable().describe("Whose request it was; null means the bootstrap key."),
        action: z.string().describe("What was done, such as `key.created`. Later versions may record more."),
        subject: z.string().describe("The id of what was changed."),
        detail: z
          .record(z.string(), z.unknown())
          .nullable()
          .describe("More about the change; never a secret. Null when there is no more to say."),
      }),
    )
    .describe("Newest first."),
  next_cursor: NextCursor,
  warnings: Warnings,
});
export type AuditList = z.infer<typeof AuditList>;
