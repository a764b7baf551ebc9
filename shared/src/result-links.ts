import { z } from "zod";
import { laxNumber } from "./lax-number.ts";
import { dateTime } from "./timestamps.ts";

/** Seconds. */
export const DEFAULT_LINK_LIFETIME_SEC = 3600;
export const MAX_LINK_LIFETIME_SEC = 7 * 24 * 3600;

/** POST /jobs/{id}/results/{filename}/link: a link to one result file that works without a key. */
export const CreateResultLink = z.object({
  /** Seconds until the link stops working. */
  expires_in: laxNumber(z.int().min(1).max(MAX_LINK_LIFETIME_SEC)).default(DEFAULT_LINK_LIFETIME_SEC),
});
export type CreateResultLink = z.infer<typeof CreateResultLink>;

export const ResultLink = z.object({
  /** With the API's origin. */
  url: z.string(),
  expires_at: dateTime(),
  warnings: z.array(z.string()).optional(),
});
export type ResultLink = z.infer<typeof ResultLink>;

/** The query of every download: `0` shows the file in the browser, anything else saves it. */
export const DownloadQuery = z.object({ download: z.string().optional() });
