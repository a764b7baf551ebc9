import type { Me, Problem } from "@splatt/shared";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { apiRequest } from "../http/api-request.ts";
import { agentPages } from "./agent-routes.tsx";
import { ProblemNotice } from "./components.tsx";
import { Document } from "./document.tsx";
import { FrontPage } from "./front-page.tsx";
import { jobPages } from "./job-routes.tsx";
import { keyPages } from "./key-routes.tsx";
import { NewJobPage } from "./new-job-page.tsx";
import { loadOverview, OverviewPage } from "./overview-page.tsx";
import { type PageApi, PageProblem, pageApi, type Viewer } from "./page-api.ts";
import type { CallApi, PageEnv } from "./page-env.ts";
import { securityHeaders } from "./security-headers.ts";
import { loadUsage, UsagePage } from "./usage-page.tsx";

const MAX_FORM_BYTES = 64 * 1024;

/** The web pages: server-rendered, each built from what the public API answers to the session. */
export function pageRoutes(callApi: CallApi): Hono<PageEnv> {
  const pages = new Hono<PageEnv>({ strict: false });
  pages.use(securityHeaders(false)).use(async (c, next) => {
    const api = pageApi(c.req.raw, (request) => callApi(request, c));
    c.set("api", api);
    c.set("viewer", () => viewerOf(api));
    await next();
  });
  pages.on("POST", ["/sign-in", "/app/*"], bodyLimit({ maxSize: MAX_FORM_BYTES }));

  pages.get("/assets/*", async (c) => (await c.env.ASSETS?.fetch(c.req.raw)) ?? c.notFound());

  pages.get("/", async (c) => {
    const viewer = await viewerOrNull(c.var.api);
    if (viewer === null) return c.html(<FrontPage next={ownPath(c.req.query("next"))} />);
    return c.html(<OverviewPage viewer={viewer} data={await loadOverview(c.var.api)} now={Date.now()} />);
  });

  pages.post("/sign-in", async (c) => {
    const form = await c.req.parseBody();
    const response = await callApi(apiRequest(c.req.raw, "POST", "/session", { api_key: form.api_key }), c);
    if (response.ok) return redirectWithCookie(c, ownPath(form.next), response);
    const problem = await response.json<Problem>();
    return c.html(<FrontPage problem={problem} next={ownPath(form.next)} />, problem.status as 401);
  });

  pages.post("/sign-out", async (c) => {
    const response = await callApi(apiRequest(c.req.raw, "DELETE", "/session"), c);
    if (!response.ok) throw new PageProblem(await response.json<Problem>());
    return redirectWithCookie(c, "/", response);
  });

  pages.get("/app/new", async (c) => c.html(<NewJobPage viewer={await c.var.viewer()} />));

  pages.get("/app/usage", async (c) => {
    const [viewer, data] = await Promise.all([c.var.viewer(), loadUsage(c.var.api)]);
    return c.html(<UsagePage viewer={viewer} data={data} now={Date.now()} />);
  });

  pages.route("/app/keys", keyPages).route("/app/jobs", jobPages).route("/app/agents", agentPages);

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

async function viewerOf(api: PageApi): Promise<Viewer> {
  const me = await api.get<Me>("/me");
  return { name: me.name, may: (scope) => me.scopes.includes(scope) || me.scopes.includes("admin") };
}

async function viewerOrNull(api: PageApi): Promise<Viewer | null> {
  try {
    return await viewerOf(api);
  } catch (error) {
    if (error instanceof PageProblem && error.problem.status === 401) return null;
    throw error;
  }
}

/** Goes to another page with the cookie that the API set. */
function redirectWithCookie(c: Context<PageEnv>, path: string, response: Response): Response {
  const redirect = c.redirect(path, 303);
  redirect.headers.set("set-cookie", response.headers.get("set-cookie") ?? "");
  return redirect;
}

/** A path of this site to go to after signing in: nothing that a browser could take for another site. */
function ownPath(value: unknown): string {
  return typeof value === "string" && /^\/(?![/\\])[\w\-./?=&%]*$/.test(value) ? value : "/";
}
