import { Hono, type MiddlewareHandler } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { matchesHash, sha256Hex } from "../http/credentials.ts";
import { authenticate, sentKey } from "../keys/authenticate.ts";
import { OWNER } from "../keys/principal.ts";
import { collectMetrics } from "./collect.ts";
import { GET_METRICS } from "./contract.ts";
import { EXPOSITION_TYPE, expositionOf } from "./exposition.ts";

/** Besides keys with the scope `admin`, the token of the settings opens this path. */
export const authenticateScraper: MiddlewareHandler<ApiEnv> = async (c, next) => {
  const token = c.env.METRICS_TOKEN;
  const sent = sentKey(c);
  if (!token || sent === undefined || !(await matchesHash(sent, await sha256Hex(token)))) {
    return authenticate(c, next);
  }
  c.set("principal", { ...OWNER, name: "metrics token" });
  await next();
};

export const metricsRoutes = new Hono<ApiEnv>().get("/", serve(GET_METRICS), async (c) => {
  return c.body(expositionOf(await collectMetrics(c.env, Date.now())), 200, {
    "content-type": EXPOSITION_TYPE,
  });
});
