import { CreateResultLink, offsetUtc, type ResultLink } from "@splatt/shared";
import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { database } from "../db/database.ts";
import { objectResponse } from "../http/object-response.ts";
import { ApiError } from "../http/problem.ts";
import { publicUrl } from "../http/public-url.ts";
import { readOptionalJson, validate } from "../http/validate.ts";
import { findJob } from "../jobs/find-job.ts";
import { objectBytes } from "../storage/bytes-through-worker.ts";
import { archiveResponse } from "./archive.ts";
import { CREATE_RESULT_LINK, GET_RESULT, GET_RESULTS_ARCHIVE } from "./contract.ts";
import { isShown } from "./download-name.ts";
import { signLink } from "./link-token.ts";
import { filesOf, findResult, requireKeptResults } from "./result-files.ts";
import { currentSecret } from "./signing-secrets.ts";

/** The result files of jobs, under /jobs. */
export const resultRoutes = new Hono<ApiEnv>()
  .get("/:id/results.zip", serve(GET_RESULTS_ARCHIVE), async (c) => {
    const job = await findJob(c);
    if (job.status !== "completed") throw new ApiError("job_not_completed", `The job is ${job.status}.`);
    requireKeptResults(job);
    const files = await filesOf(database(c.env.DB), job);
    return archiveResponse(c.env.BUCKET, job, files, c.req.method);
  })

  .get("/:id/results/:filename", serve(GET_RESULT), async (c) => {
    const job = await findJob(c);
    requireKeptResults(job);
    const file = await findResult(c.env, job, c.req.param("filename"));
    const presentation = { inline: isShown(c) };
    const response =
      file === null ? null : await objectResponse(objectBytes(c.env), file, c.req.raw, presentation);
    if (response === null) throw new ApiError("result_not_found");
    return response;
  })

  .post("/:id/results/:filename/link", serve(CREATE_RESULT_LINK), async (c) => {
    const { expires_in } = validate(CreateResultLink, await readOptionalJson(c), "body");
    const job = await findJob(c);
    requireKeptResults(job);
    const filename = c.req.param("filename");
    if ((await findResult(c.env, job, filename)) === null) throw new ApiError("result_not_found");
    const now = Date.now();
    const expires = Math.floor(now / 1000) + expires_in;
    const secret = await currentSecret(database(c.env.DB), now);
    const token = await signLink(secret, { jobId: job.id, attempt: job.attempt, filename, expires });
    const link: ResultLink = {
      url: publicUrl(c.env, c.req.url, `/links/${token}/${encodeURIComponent(filename)}`),
      expires_at: offsetUtc(expires * 1000),
    };
    return c.json(link);
  });
