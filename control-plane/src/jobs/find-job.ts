import { eq } from "drizzle-orm";
import type { Context } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { database } from "../db/database.ts";
import { type JobRow, jobs } from "../db/schema.ts";
import { ApiError } from "../http/problem.ts";
import { idParam } from "../http/validate.ts";
import { reachesJob } from "../keys/reach.ts";

/** The job that the path names. @throws ApiError 404 when there is none, or the key does not reach it */
export async function findJob(c: Context<ApiEnv>): Promise<JobRow> {
  const job = await findJobById(c, idParam(c));
  if (job === null) throw new ApiError("job_not_found");
  return job;
}

/** @returns null when there is no such job, or the key does not reach it */
export async function findJobById(c: Context<ApiEnv>, id: string): Promise<JobRow | null> {
  const [job] = await database(c.env.DB).select().from(jobs).where(eq(jobs.id, id));
  return job !== undefined && reachesJob(c.get("principal"), job) ? job : null;
}
