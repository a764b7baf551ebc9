import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "../app-env.ts";
import { matchesHash, sha256Hex } from "./credentials.ts";
import { guardCredentials } from "./guard-credentials.ts";
import { ApiError } from "./problem.ts";

/** Requires the API key in `X-API-Key`. */
export const requireApiKey: MiddlewareHandler<AppEnv> = async (c, next) => {
  const wanted = c.env.GPU_API_KEY;
  if (!wanted) throw new ApiError("not_configured");
  const given = c.req.header("x-api-key");
  if (given === undefined) throw new ApiError("unauthorized");
  const isRight = await guardCredentials(c, "API key", async () =>
    (await matchesHash(given, await sha256Hex(wanted))) ? true : null,
  );
  if (isRight === null) throw new ApiError("unauthorized");
  await next();
};
