import { z } from "zod";
import { ResultEntry } from "./job.ts";
import { laxNumber } from "./lax-number.ts";
import { dateTime } from "./timestamps.ts";

/** Seconds. */
export const MAX_SHARE_LIFETIME_SEC = 10 * 366 * 24 * 3600;
/** A job has at most this many shares that have not expired. */
export const MAX_SHARES_PER_JOB = 100;

const Title = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .refine((title) => !/\p{Cc}|\p{Zl}|\p{Zp}/u.test(title), { message: "must be one line of text" })
  .refine((title) => title.isWellFormed(), { message: "must be well-formed Unicode" });

/** POST /jobs/{id}/shares: a page that shows the splat to whoever has its link. */
export const CreateShare = z.object({
  title: Title.nullable().default(null),
  /** Seconds until the share ends; null is never. */
  expires_in: laxNumber(z.int().min(1).max(MAX_SHARE_LIFETIME_SEC)).nullable().default(null),
  /** Whether visitors may also download the PLY files. */
  allow_download: z.boolean().default(false),
});
export type CreateShare = z.infer<typeof CreateShare>;

export const ShareView = z.object({
  share_id: z.uuid(),
  job_id: z.uuid(),
  title: z.string().nullable(),
  allow_download: z.boolean(),
  created_at: dateTime(),
  expires_at: dateTime().nullable(),
});
export type ShareView = z.infer<typeof ShareView>;

/** The only answer that has the link: of its token, only a hash is stored. */
export const ShareCreated = ShareView.extend({
  url: z.string(),
  /** An iframe to paste into a page. */
  embed_html: z.string(),
  warnings: z.array(z.string()).optional(),
});
export type ShareCreated = z.infer<typeof ShareCreated>;

export const ShareList = z.object({ shares: z.array(ShareView) });
export type ShareList = z.infer<typeof ShareList>;

/** GET /shares. */
export const ListSharesQuery = z.object({
  limit: laxNumber(z.int().min(1).max(1000)).default(100),
  /** `next_cursor` of the page before. */
  cursor: z
    .string()
    .regex(/^\d{1,15}_[0-9a-f-]{36}$/, "must be a next_cursor of this list")
    .optional(),
});

export const SharePage = z.object({
  /** Newest first. */
  shares: z.array(ShareView.extend({ task_id: z.string() })),
  next_cursor: z.string().nullable(),
  warnings: z.array(z.string()).optional(),
});
export type SharePage = z.infer<typeof SharePage>;

/** GET /s/{token}/meta: what a viewer needs. Addresses are relative to the origin. */
export const ShareMeta = z.object({
  title: z.string().nullable(),
  allow_download: z.boolean(),
  expires_at: dateTime().nullable(),
  /** The splat to show: the smallest form that there is. */
  splat: z.string(),
  /** A picture of the splat, from a camera of the capture. */
  poster: z.string().nullable(),
  /** The capture's cameras, in nerfstudio's format. */
  cameras: z.string(),
  gaussians: z.int().nonnegative().nullable(),
  files: z.record(z.string(), ResultEntry),
});
export type ShareMeta = z.infer<typeof ShareMeta>;
