import type { MiddlewareHandler } from "hono";
import { authenticateAgent } from "../agents/tokens.ts";
import type { AgentAppEnv, AppEnv } from "../app-env.ts";
import { database } from "../db/database.ts";
import { matchesHash, sha256Hex } from "./credentials.ts";
import { ApiError } from "./problem.ts";

/** Lets a request pass that carries the API key in `X-API-Key`. */
export const requireApiKey: MiddlewareHandler<AppEnv> = async (c, next) => {
  const wanted = c.env.GPU_API_KEY;
  if (!wanted) throw new ApiError("not_configured");
  const given = c.req.header("x-api-key");
  if (given === undefined || !(await matchesHash(given, await sha256Hex(wanted)))) {
    throw new ApiError("unauthorized");
  }
  await next();
};

/** Lets a request pass that carries an agent's token as a bearer, and tells the route which agent it is. */
export const requireAgent: MiddlewareHandler<AgentAppEnv> = async (c, next) => {
  const agent = await authenticateAgent(database(c.env.DB), c.req.header("authorization"));
  if (agent === null) throw new ApiError("agent_unauthorized");
  c.set("agent", agent);
  await next();
};
