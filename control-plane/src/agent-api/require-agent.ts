import type { MiddlewareHandler } from "hono";
import { authenticateAgent } from "../agents/tokens.ts";
import type { AgentAppEnv } from "../app-env.ts";
import { database } from "../db/database.ts";
import { guardCredentials } from "../http/guard-credentials.ts";
import { ApiError } from "../http/problem.ts";

/** Requires an agent's token as a bearer, and sets `agent` for the route. */
export const requireAgent: MiddlewareHandler<AgentAppEnv> = async (c, next) => {
  const authorization = c.req.header("authorization");
  if (authorization === undefined) throw new ApiError("agent_unauthorized");
  const agent = await guardCredentials(c, "agent token", () =>
    authenticateAgent(database(c.env.DB), authorization),
  );
  if (agent === null) throw new ApiError("agent_unauthorized");
  c.set("agent", agent);
  await next();
};
