import { Hono } from "hono";
import type { AgentAppEnv } from "../app-env.ts";
import { dispatcherOf } from "../dispatch/stub.ts";
import { requireAgent } from "../http/auth.ts";
import { ApiError } from "../http/problem.ts";

/** The header in which the Worker tells the Dispatcher who connects; set here and nowhere else. */
export const IDENTITY_HEADER = "x-splatt-agent";

/** `GET /agent`: the agent's one WebSocket, routed by its token to its pool's Dispatcher. */
export const agentSocketRoute = new Hono<AgentAppEnv>().get("/", requireAgent, async (c) => {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") throw new ApiError("upgrade_required");
  const agent = c.get("agent");
  const headers = new Headers(c.req.raw.headers);
  headers.delete("authorization");
  headers.set(IDENTITY_HEADER, JSON.stringify(agent));
  return dispatcherOf(c.env, agent.pool).fetch(new Request(c.req.raw, { headers }));
});
