import type { Me, Problem, SharePage } from "@splatt/shared";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { apiRequest } from "../http/api-request.ts";
import { agentPages } from "./agent-routes.tsx";
import { AllSharesPage } from "./all-shares-page.tsx";
import { Arrival } from "./arrival.tsx";
import { sentFields } from "./form-state.ts";
import { FrontPage } from "./front-page.tsx";
import { jobPages } from "./job-routes.tsx";
import { keyPages } from "./key-routes.tsx";
import { loadExperience, NewJobPage } from "./new-job-page.tsx";
import { loadOverview, OverviewPage } from "./overview-page.tsx";
import { type PageApi, PageProblem, pageApi, refuse, type Viewer } from "./page-api.ts";
import type { CallApi, PageEnv } from "./page-env.ts";
import { ProblemPage } from "./problem-page.tsx";
import { securityHeaders } from "./security-headers.ts";
import { loadUsage, UsagePage } from "./usage-page.tsx";
import { webhookPages } from "./webhook-routes.tsx";

const MAX_FORM_BYTES = 64 * 1024;
/** Somebody has signed in, and the next request has no session. */
const COOKIE_REFUSED: Problem = {
  type: "about:blank",
  title: "You are still signed out",
  status: 400,
  detail: "This browser did not keep the session's cookie.",
  code: "unauthorized",
  hint: "Allow cookies for this site, then sign in again.",
};

/** The web pages: server-rendered, each built from what the public API answers to the session. */
export function pageRoutes(callApi: CallApi): Hono<PageEnv> {
  const pages = new Hono<PageEnv>({ strict: false });
  pages.use(securityHeaders(false)).use(async (c, next) => {
    const api = pageApi(c.req.raw, (request) => callApi(request, c));
    c.set("api", api);
    let viewer: Promise<Viewer> | null = null;
    c.set("viewer", () => {
      viewer ??= viewerOf(api);
      return viewer;
    });
    await next();
  });
  // Not for POST alone: each path below /app would look like an endpoint that takes it.
  const formLimit = bodyLimit({ maxSize: MAX_FORM_BYTES, onError: () => refuse("too_large") });
  pages.use("/sign-in", formLimit).use("/app/*", formLimit);

  pages.on(
    "GET",
    ["/assets/*", "/dist/*"],
    async (c) => (await c.env.ASSETS?.fetch(c.req.raw)) ?? c.notFound(),
  );

  pages.get("/", async (c) => {
    const viewer = await signedIn(c);
    const next = ownPath(c.req.query("next"));
    const hasSignedIn = c.req.query("signed_in") !== undefined;
    if (viewer === null) {
      if (comesFromElsewhere(c)) return arrive(c);
      return c.html(<FrontPage next={next} problem={hasSignedIn ? COOKIE_REFUSED : undefined} />);
    }
    if (hasSignedIn || next !== "/") return c.redirect(next);
    const data = await loadOverview(c.var.api, viewer);
    return c.html(<OverviewPage viewer={viewer} data={data} now={Date.now()} />);
  });

  pages.post("/sign-in", async (c) => {
    const form = await sentFields(c);
    const next = ownPath(form.get("next"));
    const credentials = { api_key: form.get("api_key") ?? undefined };
    const response = await callApi(apiRequest(c.req.raw, "POST", "/session", credentials), c);
    if (response.ok) {
      const query = new URLSearchParams({ signed_in: "", next });
      return redirectWithCookie(c, `/?${query}`, response);
    }
    const problem = await response.json<Problem>();
    return c.html(<FrontPage problem={problem} next={next} />, problem.status as 401);
  });

  pages.post("/sign-out", async (c) => {
    const response = await callApi(apiRequest(c.req.raw, "DELETE", "/session"), c);
    if (!response.ok) throw new PageProblem(await response.json<Problem>());
    return redirectWithCookie(c, "/", response);
  });

  pages.get("/app", (c) => c.redirect("/"));

  pages.get("/app/shares", async (c) => {
    const cursor = c.req.query("cursor");
    const query = cursor === undefined ? "" : `?${new URLSearchParams({ cursor })}`;
    const [viewer, page] = await Promise.all([c.var.viewer(), c.var.api.get<SharePage>(`/shares${query}`)]);
    return c.html(<AllSharesPage viewer={viewer} page={page} now={Date.now()} />);
  });

  pages.get("/app/new", async (c) => {
    const viewer = await c.var.viewer();
    if (!viewer.may("jobs:write")) refuse("scope_missing", "Sending a video needs the scope jobs:write.");
    return c.html(<NewJobPage viewer={viewer} experience={await loadExperience(c.var.api, viewer)} />);
  });

  pages.get("/app/usage", async (c) => {
    const viewer = await c.var.viewer();
    const data = await loadUsage(c.var.api, viewer, c.req.query("cursor"));
    return c.html(<UsagePage viewer={viewer} data={data} now={Date.now()} />);
  });

  pages
    .route("/app/keys", keyPages)
    .route("/app/jobs", jobPages)
    .route("/app/agents", agentPages)
    .route("/app/webhooks", webhookPages);

  pages.onError(async (error, c) => {
    if (!(error instanceof PageProblem)) throw error;
    const { problem } = error;
    if (problem.status === 401) {
      return comesFromElsewhere(c)
        ? arrive(c)
        : c.redirect(`/?next=${encodeURIComponent(pageOf(c.req.raw))}`);
    }
    const viewer = await signedIn(c).catch(() => null);
    return c.html(<ProblemPage viewer={viewer} problem={problem} />, problem.status as 404);
  });
  return pages;
}

async function viewerOf(api: PageApi): Promise<Viewer> {
  const me = await api.get<Me>("/me");
  return {
    name: me.name,
    scopes: me.scopes,
    may: (scope) => me.scopes.includes(scope) || me.scopes.includes("admin"),
  };
}

async function signedIn(c: Context<PageEnv>): Promise<Viewer | null> {
  try {
    return await c.var.viewer();
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

/**
 * Whether a link of another site led here. The browser then keeps the session's cookie to itself, as for a forged
 * request.
 */
function comesFromElsewhere(c: Context<PageEnv>): boolean {
  return c.req.method === "GET" && ["cross-site", "same-site"].includes(c.req.header("sec-fetch-site") ?? "");
}

function arrive(c: Context<PageEnv>): Response | Promise<Response> {
  return c.html(<Arrival path={ownPath(pageOf(c.req.raw))} />);
}

/** The page that somebody looks at: that of a request, or for a form the one that has it. */
function pageOf(request: Request): string {
  const { host, pathname, search } = new URL(request.url);
  if (request.method === "GET") return pathname + search;
  const form = URL.parse(request.headers.get("referer") ?? "");
  return form?.host === host ? form.pathname + form.search : "/";
}

/** A path of this site to go to after signing in: nothing that a browser could take for another site. */
function ownPath(value: unknown): string {
  return typeof value === "string" && /^\/(?![/\\])[\w\-./?=&%+*]*$/.test(value) ? value : "/";
}
