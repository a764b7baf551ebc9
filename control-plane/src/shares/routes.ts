import {
  CreateShare,
  ListSharesQuery,
  offsetUtc,
  type ShareCreated,
  type ShareList,
  type ShareMeta,
  type SharePage,
  type ShareView,
} from "@splatt/shared";
import { eq } from "drizzle-orm";
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { database } from "../db/database.ts";
import { type ResultRow, type ShareRow, shares } from "../db/schema.ts";
import { openToAllSites } from "../http/cross-origin.ts";
import { objectResponse } from "../http/object-response.ts";
import { ApiError } from "../http/problem.ts";
import { publicUrl } from "../http/public-url.ts";
import { idParam, readOptionalJson, readQuery, validate } from "../http/validate.ts";
import { findJob, findJobById } from "../jobs/find-job.ts";
import { downloadName, isShown } from "../results/download-name.ts";
import { storedObject } from "../results/result-files.ts";
import { objectBytes } from "../storage/bytes-through-worker.ts";
import {
  CREATE_SHARE,
  DELETE_SHARE,
  GET_SHARE_META,
  GET_SHARED_FILE,
  LIST_ALL_SHARES,
  LIST_SHARES,
} from "./contract.ts";
import {
  createShare,
  findShare,
  listShares,
  type OpenShare,
  planShare,
  revokeShare,
  sharesOf,
} from "./shares.ts";

/** The shares of jobs, under /jobs. */
export const jobShareRoutes = new Hono<ApiEnv>()
  .post("/:id/shares", serve(CREATE_SHARE), async (c) => {
    const body = validate(CreateShare, await readOptionalJson(c), "body");
    const job = await findJob(c);
    const db = database(c.env.DB);
    const { share, token } = await planShare(db, job, body, c.get("principal").keyId);
    const created: ShareCreated = {
      ...toView(share),
      url: publicUrl(c.env, c.req.url, `/s/${token}`),
      embed_html: embedHtml(publicUrl(c.env, c.req.url, `/embed/${token}`), share.title),
    };
    return createShare(db, c.get("principal"), c.get("creation"), share, c.json(created));
  })

  .get("/:id/shares", serve(LIST_SHARES), async (c) => {
    const job = await findJob(c);
    const list: ShareList = {
      shares: (await sharesOf(database(c.env.DB), job.id, Date.now())).map(toView),
    };
    return c.json(list);
  });

export const shareRoutes = new Hono<ApiEnv>()
  .get("/", serve(LIST_ALL_SHARES), async (c) => {
    const query = validate(ListSharesQuery, readQuery(c), "query");
    const { page, nextCursor } = await listShares(database(c.env.DB), c.get("principal"), query, Date.now());
    const list: SharePage = {
      shares: page.map(({ share, taskId }) => ({ ...toView(share), task_id: taskId })),
      next_cursor: nextCursor,
    };
    return c.json(list);
  })

  .delete("/:id", serve(DELETE_SHARE), async (c) => {
    const db = database(c.env.DB);
    const [share] = await db
      .select()
      .from(shares)
      .where(eq(shares.id, idParam(c)));
    if (share === undefined || (await findJobById(c, share.jobId)) === null)
      throw new ApiError("share_not_found");
    await revokeShare(db, c.get("principal"), share);
    return c.json({ message: "Share revoked successfully" });
  });

/** What whoever has a share's link may read, without a key. */
export const sharedRoutes = new Hono<ApiEnv>()
  .use("/:token/meta", openToAllSites)
  .use("/:token/files/*", openToAllSites)

  .get("/:token/meta", serve(GET_SHARE_META), async (c) => {
    const shared = await requireShare(c);
    c.header("cache-control", "private, no-cache");
    return c.json(toMeta(shared, c.req.param("token")));
  })

  .get("/:token/files/:filename", serve(GET_SHARED_FILE), async (c) => {
    const { files, job, share } = await requireShare(c);
    const filename = c.req.param("filename");
    const file = files.find((candidate) => candidate.filename === filename);
    if (file === undefined) throw new ApiError("result_not_found");
    const presentation = {
      name: downloadName(share.title ?? "", filename),
      inline: isShown(c),
      // A browser asks each time, so that a revoked share is gone at once; what it has is not sent again.
      caching: "private, no-cache",
      anySite: true,
    };
    const object = storedObject(job, file);
    const response = await objectResponse(objectBytes(c.env), object, c.req.raw, presentation);
    if (response === null) throw new ApiError("share_not_found");
    return response;
  });

/** @throws ApiError 404, the same for everything that ends a share */
async function requireShare(c: Context<ApiEnv>): Promise<OpenShare> {
  const shared = await findShare(database(c.env.DB), c.req.param("token") ?? "", Date.now());
  if (shared === null) throw new ApiError("share_not_found");
  return shared;
}

function toView(share: ShareRow): ShareView {
  return {
    share_id: share.id,
    job_id: share.jobId,
    title: share.title,
    allow_download: share.allowDownload,
    created_at: offsetUtc(share.createdAt),
    expires_at: share.expiresAt === null ? null : offsetUtc(share.expiresAt),
  };
}

export function toMeta(shared: OpenShare, token: string): ShareMeta {
  const { share, job, files, splat, cameras, poster, video } = shared;
  const urlOf = ({ filename }: ResultRow) => `/s/${token}/files/${encodeURIComponent(filename)}`;
  return {
    title: share.title,
    allow_download: share.allowDownload,
    expires_at: share.expiresAt === null ? null : offsetUtc(share.expiresAt),
    splat: urlOf(splat),
    poster: poster === null ? null : urlOf(poster),
    video: video === null ? null : urlOf(video),
    cameras: urlOf(cameras),
    gaussians: job.report?.train?.gaussians ?? null,
    files: Object.fromEntries(
      files.map((file) => [
        file.filename,
        { url: urlOf(file), size: file.size, sha256: file.sha256, content_type: file.contentType },
      ]),
    ),
  };
}

/** `html` escapes what it is given. */
function embedHtml(url: string, title: string | null): string {
  return String(
    html`<iframe src="${url}" title="${title ?? "3D Gaussian splat"}" width="640" height="400" style="border:0" allow="fullscreen; xr-spatial-tracking" loading="lazy"></iframe>`,
  );
}
