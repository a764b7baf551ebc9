import { type Context, Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { agentJobRoutes } from "./agent-api/job-routes.ts";
import { agentReleaseRoute } from "./agent-api/release-route.ts";
import { agentSocketRoute } from "./agent-api/socket-route.ts";
import { agentRoutes } from "./agents/routes.ts";
import type { ApiEnv, AppEnv } from "./app-env.ts";
import { auditRoutes } from "./audit/routes.ts";
import { isStoreUnavailable } from "./db/store-errors.ts";
import { documentationRoutes } from "./documentation/routes.tsx";
import { healthRoutes } from "./health/routes.ts";
import { crossOrigin } from "./http/cross-origin.ts";
import { identifyRequest } from "./http/identify-request.ts";
import { ApiError, problemResponse } from "./http/problem.ts";
import { jobRoutes } from "./jobs/routes.ts";
import { authenticate } from "./keys/authenticate.ts";
import { keyRefusal } from "./keys/quota.ts";
import { keyRoutes } from "./keys/routes.ts";
import { log } from "./log.ts";
import { mcpRoutes } from "./mcp/routes.ts";
import { authenticateScraper, metricsRoutes } from "./metrics/routes.ts";
import { linkRoutes } from "./results/link-routes.ts";
import { resultRoutes } from "./results/routes.ts";
import { meRoutes, sessionRoutes } from "./sessions/routes.ts";
import { jobShareRoutes, sharedRoutes, shareRoutes } from "./shares/routes.ts";
import { sharePages } from "./shares/share-page.tsx";
import { diskProblem, refusalOfWrites } from "./storage/storage-state.ts";
import { uploadRoutes } from "./uploads/routes.ts";
import { tusOfferRoutes, tusProtocol, tusRoutes } from "./uploads/tus/routes.ts";
import { usageRoutes } from "./usage/routes.ts";
import { watchRoutes } from "./watch/routes.ts";
import { pageRoutes } from "./web/page-routes.tsx";
import { deliveryRoutes, jobDeliveryRoutes, webhookRoutes } from "./webhooks/routes.ts";

const MAX_JSON_BYTES = 1024 * 1024;

const jsonOnly = bodyLimit({
  maxSize: MAX_JSON_BYTES,
  onError: () => problemResponse(new ApiError("too_large")),
});

/** Requests that add data are refused while the disk takes none. Deletions pass, because they make room. */
const requireWritableStorage: MiddlewareHandler<AppEnv> = async (c, next) => {
  const refusal = ["POST", "PUT", "PATCH"].includes(c.req.method)
    ? refusalOfWrites(c.env.STORAGE_STATE)
    : null;
  if (refusal !== null) throw refusal;
  await next();
};

/**
 * A browser takes every answer for what its Content-Type says. A cache on the way keeps only what says so: one that
 * knows nothing of `X-API-Key` would hand a client's answer to the next one.
 */
const guardAnswers: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  if (c.res.status === 101) return;
  c.header("x-content-type-options", "nosniff");
  if (!c.res.headers.has("cache-control")) c.header("cache-control", "no-store");
};

/** Not strict: a trailing slash makes no difference, as with the seed's server. */
export const app = new Hono<AppEnv>({ strict: false })
  .use(identifyRequest)
  .use(guardAnswers)
  .use(crossOrigin(allowedMethods))
  .route("/health", healthRoutes)
  .route("/", documentationRoutes)
  .route("/agent", agentSocketRoute)
  .route("/agent/release", agentReleaseRoute)
  .use("/agent/jobs/*", requireWritableStorage)
  .route("/agent/jobs", agentJobRoutes)

  .use("/jobs/*", authenticate, requireWritableStorage, jsonOnly)
  .route("/jobs", jobRoutes)
  .route("/jobs", watchRoutes)
  .route("/jobs", resultRoutes)
  .route("/jobs", jobShareRoutes)
  .route("/jobs", jobDeliveryRoutes)
  .route("/links", linkRoutes)
  .use("/shares/*", authenticate)
  .route("/shares", shareRoutes)
  .route("/s", sharedRoutes)
  .route("/", sharePages)

  .use("/agents/*", authenticate, requireWritableStorage, jsonOnly)
  .route("/agents", agentRoutes)

  .use("/uploads/tus/*", tusProtocol)
  .route("/uploads/tus", tusOfferRoutes)
  .use("/uploads/*", authenticate, requireWritableStorage)
  .use("/uploads", jsonOnly)
  .route("/uploads/tus", tusRoutes)
  .route("/uploads", uploadRoutes)

  .use("/keys/*", authenticate, requireWritableStorage, jsonOnly)
  .route("/keys", keyRoutes)
  .use("/audit", authenticate)
  .route("/audit", auditRoutes)
  .use("/usage", authenticate)
  .route("/usage", usageRoutes)

  .use("/session", jsonOnly)
  .route("/session", sessionRoutes)
  .route("/me", meRoutes)

  .use("/metrics", authenticateScraper)
  .route("/metrics", metricsRoutes)

  .use("/webhooks/*", authenticate, requireWritableStorage, jsonOnly)
  .route("/webhooks", webhookRoutes)

  .use("/deliveries/*", authenticate, requireWritableStorage, jsonOnly)
  .route("/deliveries", deliveryRoutes)

  .use("/mcp", authenticate, jsonOnly)
  .route("/mcp", mcpRoutes(callApi))

  .route("/", pageRoutes(callApi))

  .notFound((c) => {
    const allowed = allowedMethods(c.req.path);
    if (allowed.length === 0) {
      return problemResponse(new ApiError("not_found", `${c.req.path} is not an endpoint.`));
    }
    const detail = `${c.req.path} does not take ${c.req.method}.`;
    return problemResponse(new ApiError("method_not_allowed", detail, { allow: allowed.join(", ") }));
  })
  .onError(async (error, c: Context<ApiEnv>) => {
    if (error instanceof ApiError) return problemResponse(error);
    const refusal = await keyRefusal(c.env, c.get("principal"), error).catch(() => null);
    if (refusal !== null) return problemResponse(refusal);
    // A database may name anything but the full disk that it cannot be opened on.
    const isUnavailable = isStoreUnavailable(error);
    const onDisk = diskProblem(error) ?? (isUnavailable ? refusalOfWrites(c.env.STORAGE_STATE) : null);
    if (onDisk !== null) return problemResponse(onDisk);
    log("error", "request failed", {}, error);
    return problemResponse(
      isUnavailable
        ? new ApiError("unavailable", undefined, { "retry-after": "5" })
        : new ApiError("internal_error"),
    );
  });

/**
 * The methods that an endpoint at this path takes; none where there is no endpoint. A fixed path takes precedence over
 * one with an id: `/webhooks/callback-secret` is not a webhook.
 */
function allowedMethods(path: string): string[] {
  const served = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].flatMap((method) => {
    const [matches] = app.router.match(method === "HEAD" ? "GET" : method, path);
    return matches.flatMap(([[, route]]) =>
      route.method === "ALL" ? [] : [{ method, isNamed: !route.path.includes(":") }],
    );
  });
  const named = served.filter(({ isNamed }) => isNamed);
  return [...new Set((named.length > 0 ? named : served).map(({ method }) => method))];
}

/** For the pages and the tools of language models, which use the public API within the same process. */
async function callApi(request: Request, c: Context): Promise<Response> {
  return app.fetch(request, c.env, c.executionCtx);
}
