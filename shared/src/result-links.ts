import { z } from "zod";
import { Warnings } from "./answer-fields.ts";
import { laxNumber } from "./lax-number.ts";
import { dateTime } from "./timestamps.ts";

/** Seconds. */
export const DEFAULT_LINK_LIFETIME_SEC = 3600;
export const MAX_LINK_LIFETIME_SEC = 7 * 24 * 3600;

/** POST /jobs/{id}/results/{filename}/link: a link to one result file that works without a key. */
export const CreateResultLink = z.object({
  expires_in: laxNumber(z.int().min(1).max(MAX_LINK_LIFETIME_SEC))
    .default(DEFAULT_LINK_LIFETIME_SEC)
    .describe("Seconds until the link stops working, at most 7 days."),
});
export type CreateResultLink = z.infer<typeof CreateResultLink>;

export const ResultLink = z.object({
  url: z.string().describe("The link, with the API's origin."),
  expires_at: dateTime().describe("When the link stops working."),
  warnings: Warnings,
});
export type ResultLink = z.infer<typeof ResultLink>;

/** The query of every download: `0` shows the file in the browser, anything else saves it. */
export const DownloadQuery = z.object({
  download: z.string().optional().describe("`0` shows the file in the browser; anything else saves it."),
});
