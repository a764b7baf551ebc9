import type { JobList, Me, Problem } from "@splatt/shared";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { ProblemNotice } from "./components.tsx";
import { Document } from "./document.tsx";
import { FrontPage } from "./front-page.tsx";
import { JobsPage, jobsQuery } from "./jobs-page.tsx";
import { loadOverview, OverviewPage } from "./overview-page.tsx";
import { apiRequest, type PageApi, PageProblem, pageApi, type Viewer } from "./page-api.ts";
import { securityHeaders } from "./security-headers.ts";

interface PageEnv {
  Bindings: { readonly ASSETS?: Pick<Fetcher, "fetch"> };
  Variables: { api: PageApi };
}

/** Calls the Worker's API within the same process. */
export type CallApi = (request: Request, c: Context) => Promise<Response>;

const MAX_FORM_BYTES = 64 * 1024;

/** The web pages: server-rendered, each built from what the public API answers to the session. */
export function pageRoutes(callApi: CallApi): Hono<PageEnv> {
  const pages = new Hono<PageEnv>({ strict: false });
  pages.use(securityHeaders(false)).use(async (c, next) => {
    c.set(
      "api",
      pageApi(c.req.raw, (request) => callApi(request, c)),
    );
    await next();
  });

  pages.on("POST", ["/sign-in", "/app/*"], bodyLimit({ maxSize: MAX_FORM_BYTES }));

  pages.get("/assets/*", async (c) => (await c.env.ASSETS?.fetch(c.req.raw)) ?? c.notFound());

  pages.get("/", async (c) => {
    const viewer = await viewerOf(c.var.api);
    if (viewer === null) return c.html(<FrontPage next={ownPath(c.req.query("next"))} />);
    return c.html(<OverviewPage viewer={viewer} data={await loadOverview(c.var.api)} now={Date.now()} />);
  });

  pages.post("/sign-in", async (c) => {
    const form = await c.req.parseBody();
    const response = await callApi(apiRequest(c.req.raw, "POST", "/session", { api_key: form.api_key }), c);
    if (!response.ok) {
      const problem = await response.json<Problem>();
      return c.html(<FrontPage problem={problem} next={ownPath(form.next)} />, problem.status as 401);
    }
    const redirect = c.redirect(ownPath(form.next), 303);
    redirect.headers.set("set-cookie", response.headers.get("set-cookie") ?? "");
    return redirect;
  });

  pages.post("/sign-out", async (c) => {
    const response = await callApi(apiRequest(c.req.raw, "DELETE", "/session"), c);
    if (!response.ok) throw new PageProblem(await response.json<Problem>());
    const redirect = c.redirect("/", 303);
    redirect.headers.set("set-cookie", response.headers.get("set-cookie") ?? "");
    return redirect;
  });

  pages.get("/app/jobs", async (c) => {
    const query = jobsQuery(c.req.url);
    const [viewer, list] = await Promise.all([
      requireViewer(c.var.api),
      c.var.api.get<JobList>(`/jobs?${query}`),
    ]);
    return c.html(<JobsPage viewer={viewer} list={list} query={query} now={Date.now()} />);
  });

  pages.onError((error, c) => {
    if (!(error instanceof PageProblem)) throw error;
    const { problem } = error;
    if (problem.status === 401)
      return c.redirect(`/?next=${encodeURIComponent(new URL(c.req.url).pathname)}`);
    return c.html(
      <Document title={`${problem.title} · Splatt`}>
        <main class="front" id="content">
          <ProblemNotice problem={problem} />
          <a href="/">Back to the overview</a>
        </main>
      </Document>,
      problem.status as 404,
    );
  });
  return pages;
}

/** @throws PageProblem 401 without a valid session */
async function requireViewer(api: PageApi): Promise<Viewer> {
  const me = await api.get<Me>("/me");
  return { name: me.name, may: (scope) => me.scopes.includes(scope) || me.scopes.includes("admin") };
}

/** @returns null without a valid session */
async function viewerOf(api: PageApi): Promise<Viewer | null> {
  try {
    return await requireViewer(api);
  } catch (error) {
    if (error instanceof PageProblem && error.problem.status === 401) return null;
    throw error;
  }
}

/** A path of this site to go to after signing in: nothing that a browser could take for another site. */
function ownPath(value: unknown): string {
  return typeof value === "string" && /^\/(?![/\\])[\w\-./?=&%]*$/.test(value) ? value : "/";
}
