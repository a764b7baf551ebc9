import { UploadedPart } from "@splatt/shared";
import { z } from "zod";

/** How far the upload of a result file is. After a crash it continues from here. */
export const UploadRecord = z.object({
  upload_id: z.uuid(),
  part_size: z.int().positive(),
  size: z.int().positive(),
  sha256: z.string(),
  parts: z.array(UploadedPart),
  completed: z.boolean(),
});
export type UploadRecord = z.infer<typeof UploadRecord>;
