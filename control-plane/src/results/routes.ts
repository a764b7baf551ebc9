import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { objectResponse } from "../http/object-response.ts";
import { ApiError } from "../http/problem.ts";
import { findJob } from "../jobs/find-job.ts";
import { objectBytes } from "../storage/bytes-through-worker.ts";
import { GET_RESULT } from "./contract.ts";
import { findResult } from "./result-files.ts";

/** The result files of jobs, under /jobs. */
export const resultRoutes = new Hono<ApiEnv>().get("/:id/results/:filename", serve(GET_RESULT), async (c) => {
  const job = await findJob(c);
  const file = await findResult(c.env, job, c.req.param("filename"));
  const response = file === null ? null : await objectResponse(objectBytes(c.env), file, c.req.raw);
  if (response === null) throw new ApiError("result_not_found");
  return response;
});
