import { env } from "cloudflare:workers";
import { eq } from "drizzle-orm";
import { expect, it } from "vitest";
import { database } from "../db/database.ts";
import { jobs } from "../db/schema.ts";
import { completedJob } from "../testing/completed-job.ts";
import { findResult } from "./result-files.ts";

it("finds no file for a job that has been completed since it was read: it would be of another attempt", async () => {
  const { jobId } = await completedJob();
  const [job] = await database(env.DB).select().from(jobs).where(eq(jobs.id, jobId));
  if (job === undefined) throw new Error("no job");
  expect(await findResult(env, job, "baked_splat.ply")).toMatchObject({ filename: "baked_splat.ply" });
  expect(await findResult(env, { ...job, status: "training" }, "baked_splat.ply")).toBeNull();
});
