import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "../app-env.ts";
import { matchesHash, sha256Hex } from "./credentials.ts";
import { ApiError } from "./problem.ts";

/** Requires the API key in `X-API-Key`. */
export const requireApiKey: MiddlewareHandler<AppEnv> = async (c, next) => {
  const wanted = c.env.GPU_API_KEY;
  if (!wanted) throw new ApiError("not_configured");
  const given = c.req.header("x-api-key");
  if (given === undefined || !(await matchesHash(given, await sha256Hex(wanted)))) {
    throw new ApiError("unauthorized");
  }
  await next();
};
