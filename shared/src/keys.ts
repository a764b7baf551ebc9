import { z } from "zod";
import { PoolName } from "./job.ts";
import { Labels } from "./labels.ts";
import { Scope } from "./scopes.ts";
import { dateTime } from "./timestamps.ts";

/** What a key may use at most; null is no limit. */
export const KeyLimits = z.object({
  requests_per_minute: z.int().min(1).max(1_000_000).nullable().default(null),
  /** In each hour of the clock. */
  jobs_per_hour: z.int().min(0).max(1_000_000).nullable().default(null),
  jobs_waiting: z.int().min(0).max(100_000).nullable().default(null),
  /** Its uploads, and the results of its jobs. */
  bytes_stored: z.int().min(0).nullable().default(null),
  /** The size of one upload. */
  upload_bytes: z.int().min(0).nullable().default(null),
});
export type KeyLimits = z.infer<typeof KeyLimits>;

/** The limits whose excess is refused with 403 `quota_exceeded`. */
export const QUOTAS = ["jobs_per_hour", "jobs_waiting", "bytes_stored", "upload_bytes"] as const;
export type Quota = (typeof QUOTAS)[number];

/** POST /keys: the fields of its body. */
export const CreateKeyFields = z.object({
  name: z.string().trim().min(1).max(255),
  scopes: z
    .array(Scope)
    .min(1)
    .transform((scopes) => [...new Set(scopes)]),
  /** With an offset, such as `2027-01-31T00:00:00Z`. */
  expires_at: z.iso.datetime({ offset: true }).nullable().default(null),
  /** The only pool that it sees and uses. */
  pool: PoolName.nullable().default(null),
  /** Labels that all the jobs have that it sees and creates. */
  labels: Labels.nullable().default(null),
  limits: KeyLimits.nullable().default(null),
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
  key_id: z.uuid(),
  name: z.string(),
  /** The first characters of the key. */
  prefix: z.string(),
  scopes: z.array(Scope),
  pool: z.string().nullable(),
  labels: z.record(z.string(), z.string()).nullable(),
  limits: KeyLimits.nullable(),
  created_at: dateTime(),
  /** The id of the key that made it; null is the bootstrap key. */
  created_by: z.string().nullable(),
  expires_at: dateTime().nullable(),
  /** To the hour. */
  last_used_at: dateTime().nullable(),
  revoked_at: dateTime().nullable(),
});
export type KeyView = z.infer<typeof KeyView>;

/** The only answer that contains the key. */
export const KeyCreated = KeyView.extend({ key: z.string() });
export type KeyCreated = z.infer<typeof KeyCreated>;

export const KeyList = z.object({ keys: z.array(KeyView) });

/** What a key uses of its limits. */
export const LimitUse = z.object({
  jobs_per_hour: z.int(),
  jobs_waiting: z.int(),
  bytes_stored: z.int(),
});
export type LimitUse = z.infer<typeof LimitUse>;

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** GET /usage. */
export const UsageQuery = z.object({
  /** The first and last day, UTC; by default the last 30 days. */
  from: z.string().regex(DAY, "a day such as 2027-01-31").optional(),
  to: z.string().regex(DAY, "a day such as 2027-01-31").optional(),
  /** One key's; `bootstrap` for the bootstrap key. */
  key_id: z.string().max(64).optional(),
});

export const UsageList = z.object({
  /** Newest first. */
  days: z.array(
    z.object({
      day: z.string(),
      /** Null is the bootstrap key. */
      key_id: z.string().nullable(),
      /** Jobs that ended. */
      jobs: z.int(),
      uploaded_bytes: z.int(),
      result_bytes: z.int(),
    }),
  ),
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
  limit: z.coerce.number().pipe(z.int().min(1).max(1000)).default(100),
  cursor: z.coerce.number().pipe(z.int().min(0)).optional(),
});

export const AuditList = z.object({
  /** Newest first. */
  events: z.array(
    z.object({
      at: dateTime(),
      /** Whose request it was; null is the bootstrap key. */
      key_id: z.string().nullable(),
      action: z.string(),
      /** The id of what was changed. */
      subject: z.string(),
      detail: z.record(z.string(), z.unknown()).nullable(),
    }),
  ),
  next_cursor: z.string().nullable(),
});
export type AuditList = z.infer<typeof AuditList>;
