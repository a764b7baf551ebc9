import { z } from "zod";
import { JobOptions } from "./options.ts";

/** Where the agent downloads the video: a URL, or an upload on the control plane. */
export const JobSource = z.discriminatedUnion("kind", [
  // The agent checks the URL itself and can name what is wrong with it.
  z.object({ kind: z.literal("url"), url: z.string() }),
  z.object({
    kind: z.literal("upload"),
    size: z.int().positive(),
    /** Hex, when the client announced it: the agent verifies what it downloads. */
    sha256: z.string().optional(),
  }),
]);
export type JobSource = z.infer<typeof JobSource>;

/** What the agent has to do: everything that determines the result, and nothing else. */
export const JobSpec = z.object({
  source: JobSource,
  options: JobOptions,
  retry_of: z
    .uuid()
    .nullable()
    .default(null)
    .describe("The ended job that this one retries. An agent that has its finished stages may reuse them."),
});
export type JobSpec = z.infer<typeof JobSpec>;
