import { z } from "zod";
import { NewestFirstCursor, NextCursor, Warnings } from "./answer-fields.ts";
import { ResultEntry } from "./jobs/result-files.ts";
import { laxNumber } from "./lax-number.ts";
import { oneLine } from "./one-line.ts";
import { dateTime } from "./timestamps.ts";

/** Seconds. */
export const MAX_SHARE_LIFETIME_SEC = 10 * 366 * 24 * 3600;
/** A job has at most this many shares that have not expired. */
export const MAX_SHARES_PER_JOB = 100;

const Title = oneLine(z.string().trim().min(1).max(200));

/** POST /jobs/{id}/shares: a page that shows the splat to whoever has its link. */
export const CreateShare = z.object({
  title: Title.nullable().default(null).describe("One line that the page shows as its title; null for none."),
  expires_in: laxNumber(z.int().min(1).max(MAX_SHARE_LIFETIME_SEC))
    .nullable()
    .default(null)
    .describe("Seconds until the share ends, at most ten years; null means never."),
  allow_download: z.boolean().default(false).describe("Whether visitors may also download the PLY files."),
});
export type CreateShare = z.infer<typeof CreateShare>;

export const ShareView = z.object({
  share_id: z.uuid().describe("The share's id, which does not open it."),
  job_id: z.uuid().describe("The job whose splat is shared."),
  title: z.string().nullable().describe("The title of the page; null for none."),
  allow_download: z.boolean().describe("Whether visitors may also download the PLY files."),
  created_at: dateTime().describe("When the share was created."),
  expires_at: dateTime().nullable().describe("When the share ends; null means never."),
});
export type ShareView = z.infer<typeof ShareView>;

/** The only answer that has the link: of its token, only a hash is stored. */
export const ShareCreated = ShareView.extend({
  url: z.string().describe("The link to the page. No other answer contains it."),
  embed_html: z.string().describe("An iframe to paste into a page."),
  warnings: Warnings,
});
export type ShareCreated = z.infer<typeof ShareCreated>;

export const ShareList = z.object({
  shares: z.array(ShareView).describe("Oldest first."),
});
export type ShareList = z.infer<typeof ShareList>;

/** GET /shares. */
export const ListSharesQuery = z.object({
  limit: laxNumber(z.int().min(1).max(1000)).default(100).describe("Shares on a page, at most."),
  cursor: NewestFirstCursor,
});

export const SharePage = z.object({
  shares: z
    .array(ShareView.extend({ task_id: z.string().describe("The job's `task_id`.") }))
    .describe("Newest first."),
  next_cursor: NextCursor,
  warnings: Warnings,
});
export type SharePage = z.infer<typeof SharePage>;

/** GET /s/{token}/meta: what a viewer needs. Addresses are relative to the origin. */
export const ShareMeta = z.object({
  title: z.string().nullable().describe("The title of the page; null for none."),
  allow_download: z.boolean().describe("Whether visitors may also download the PLY files."),
  expires_at: dateTime().nullable().describe("When the share ends; null means never."),
  splat: z
    .string()
    .describe("The address of the splat to show, in its smallest form, relative to the API's origin."),
  poster: z
    .string()
    .nullable()
    .describe(
      "The address of a picture of the splat, from a camera of the capture; null when there is none.",
    ),
  video: z
    .string()
    .nullable()
    .default(null)
    .describe("The address of a film of a flight through the scene, an MP4; null when there is none."),
  cameras: z.string().describe("The address of the capture's cameras, in nerfstudio's format."),
  gaussians: z.int().nonnegative().nullable().describe("Gaussians in the splat; null where unknown."),
  files: z
    .record(z.string(), ResultEntry)
    .describe(
      "The files that the share serves, by name: what a viewer needs, and the PLY files when downloads are allowed.",
    ),
});
export type ShareMeta = z.infer<typeof ShareMeta>;
