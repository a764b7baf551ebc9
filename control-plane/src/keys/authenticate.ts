import type { MiddlewareHandler } from "hono";
import type { ApiEnv, AppEnv } from "../app-env.ts";
import { matchesHash, sha256Hex } from "../http/credentials.ts";
import { guardCredentials } from "../http/guard-credentials.ts";
import { ApiError } from "../http/problem.ts";
import { OWNER, type Principal } from "./principal.ts";

/** Requires an API key in `X-API-Key`, and sets `principal` for the route. */
export const authenticate: MiddlewareHandler<ApiEnv> = async (c, next) => {
  const given = c.req.header("x-api-key");
  if (!c.env.GPU_API_KEY) throw new ApiError("not_configured");
  if (given === undefined) throw new ApiError("unauthorized");
  const principal = await guardCredentials(c, "API key", () => principalOf(c.env, given));
  if (principal === null) throw new ApiError("unauthorized");
  c.set("principal", principal);
  await next();
};

async function principalOf(env: AppEnv["Bindings"], key: string): Promise<Principal | null> {
  const isOwner = await matchesHash(key, await sha256Hex(env.GPU_API_KEY ?? ""));
  return isOwner ? OWNER : null;
}
