import { eq } from "drizzle-orm";
import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { type Database, database } from "../db/database.ts";
import { type JobRow, jobs } from "../db/schema.ts";
import { openToAllSites } from "../http/cross-origin.ts";
import { objectResponse } from "../http/object-response.ts";
import { ApiError } from "../http/problem.ts";
import { objectBytes } from "../storage/bytes-through-worker.ts";
import { GET_LINKED_RESULT } from "./contract.ts";
import { downloadName, isShown } from "./download-name.ts";
import { isSigned, type LinkClaims, parseToken } from "./link-token.ts";
import { findResult } from "./result-files.ts";
import { secretById } from "./signing-secrets.ts";

/** How long a browser may show a linked file without asking again. */
const MAX_AGE_SEC = 3600;

/** Result files for whoever has a signed link. Whatever is wrong with a link, the answer is the same. */
export const linkRoutes = new Hono<ApiEnv>()
  .use("*", openToAllSites)

  .get("/:token/:filename", serve(GET_LINKED_RESULT), async (c) => {
    const now = Date.now();
    const { token, filename } = c.req.param();
    const claims = await verify(database(c.env.DB), token, filename, now);
    const job = claims === null ? null : await linkedJob(database(c.env.DB), claims);
    if (claims === null || job === null) throw new ApiError("link_not_found");
    const file = await findResult(c.env, job, filename);
    const left = claims.expires - Math.floor(now / 1000);
    const presentation = {
      name: downloadName(job.taskId, filename),
      inline: isShown(c),
      // The results of an attempt never change, but a preview does.
      caching:
        job.status === "completed" ? `private, max-age=${Math.min(left, MAX_AGE_SEC)}` : "private, no-cache",
      anySite: true,
    };
    const response =
      file === null ? null : await objectResponse(objectBytes(c.env), file, c.req.raw, presentation);
    if (response === null) throw new ApiError("link_not_found");
    return response;
  });

async function verify(
  db: Database,
  token: string,
  filename: string,
  now: number,
): Promise<LinkClaims | null> {
  const parsed = parseToken(token);
  if (parsed === null || now >= parsed.expires * 1000) return null;
  const claims = { ...parsed, filename };
  const secret = await secretById(db, parsed.secretId, now);
  return secret !== null && (await isSigned(token, claims, secret)) ? claims : null;
}

async function linkedJob(db: Database, { jobId, attempt }: LinkClaims): Promise<JobRow | null> {
  const [job] = await db.select().from(jobs).where(eq(jobs.id, jobId));
  return job !== undefined && job.attempt === attempt ? job : null;
}
