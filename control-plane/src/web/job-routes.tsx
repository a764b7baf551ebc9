import type { JobCreated, JobView, ShareCreated, ShareView } from "@splatt/shared";
import { type Context, Hono } from "hono";
import { publicUrl } from "../http/public-url.ts";
import { ConfirmPage } from "./confirm-page.tsx";
import { sentFields } from "./form-state.ts";
import { JobPage, loadJob } from "./job-page.tsx";
import { JobsPage, loadJobs } from "./jobs-page.tsx";
import type { PageEnv } from "./page-env.ts";
import { RetryPage, retryChanges } from "./retry-page.tsx";
import { SharesPage } from "./shares-page.tsx";

/** `/app/jobs` and the pages below it. */
export const jobPages = new Hono<PageEnv>()
  .get("/", async (c) => {
    const [viewer, data] = await Promise.all([c.var.viewer(), loadJobs(c.var.api, c.req.url)]);
    const status = "jobs" in data.list ? 200 : 422;
    return c.html(<JobsPage viewer={viewer} data={data} now={Date.now()} />, status);
  })

  .get("/:id", async (c) => {
    const [viewer, data] = await Promise.all([
      c.var.viewer(),
      loadJob(c.var.api, segment(c.req.param("id"))),
    ]);
    const origin = publicUrl(c.env, c.req.url, "");
    return c.html(<JobPage viewer={viewer} data={data} origin={origin} now={Date.now()} />);
  })

  .post("/:id/cancel", async (c) => {
    const id = segment(c.req.param("id"));
    await c.var.api.post(`/jobs/${id}/cancel`);
    return c.redirect(`/app/jobs/${id}`, 303);
  })

  .get("/:id/retry", async (c) => {
    const id = segment(c.req.param("id"));
    const [viewer, job] = await Promise.all([c.var.viewer(), c.var.api.get<JobView>(`/jobs/${id}`)]);
    return c.html(<RetryPage viewer={viewer} job={job} />);
  })

  .post("/:id/retry", async (c) => {
    const id = segment(c.req.param("id"));
    const changes = retryChanges(Object.fromEntries(await sentFields(c)));
    const { job_id } = await c.var.api.post<JobCreated>(`/jobs/${id}/retry`, changes);
    return c.redirect(`/app/jobs/${job_id}`, 303);
  })

  .post("/:id/pin", async (c) => {
    const id = segment(c.req.param("id"));
    await c.var.api.post(`/jobs/${id}/pin`);
    return c.redirect(`/app/jobs/${id}`, 303);
  })

  .post("/:id/unpin", async (c) => {
    const id = segment(c.req.param("id"));
    await c.var.api.delete(`/jobs/${id}/pin`);
    return c.redirect(`/app/jobs/${id}`, 303);
  })

  .get("/:id/shares", (c) => sharesPage(c, null))

  .post("/:id/shares", async (c) => {
    const form = await sentFields(c);
    const created = await c.var.api.post<ShareCreated>(`/jobs/${segment(c.req.param("id"))}/shares`, {
      title: form.get("title") || null,
      expires_in: form.get("expires_in") || null,
      allow_download: form.get("allow_download") === "true",
    });
    return sharesPage(c, created);
  })

  .post("/:id/shares/:share/revoke", async (c) => {
    await c.var.api.delete(`/shares/${segment(c.req.param("share"))}`);
    return c.redirect(`/app/jobs/${segment(c.req.param("id"))}/shares`, 303);
  })

  .get("/:id/delete", async (c) => {
    const id = segment(c.req.param("id"));
    const [viewer, job] = await Promise.all([c.var.viewer(), c.var.api.get<JobView>(`/jobs/${id}`)]);
    return c.html(
      <ConfirmPage
        viewer={viewer}
        section="/app/jobs"
        question={`Delete the job ${job.task_id}?`}
        consequence="Its files, its shares and, unless another job uses it, its video are deleted. This cannot be undone."
        action="Delete the job"
        back={`/app/jobs/${id}`}
      />,
    );
  })

  .post("/:id/delete", async (c) => {
    await c.var.api.delete(`/jobs/${segment(c.req.param("id"))}`);
    return c.redirect("/app/jobs", 303);
  });

async function sharesPage(c: Context<PageEnv>, created: ShareCreated | null): Promise<Response> {
  const id = segment(c.req.param("id") ?? "");
  const [viewer, job, { shares }] = await Promise.all([
    c.var.viewer(),
    c.var.api.get<JobView>(`/jobs/${id}`),
    c.var.api.get<{ shares: ShareView[] }>(`/jobs/${id}/shares`),
  ]);
  return c.html(<SharesPage viewer={viewer} job={job} shares={shares} created={created} now={Date.now()} />);
}

/** A path parameter as part of another path. */
function segment(parameter: string): string {
  return encodeURIComponent(parameter);
}
