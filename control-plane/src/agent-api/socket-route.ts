import { Hono } from "hono";
import type { AgentAppEnv } from "../app-env.ts";
import { encodeIdentity, IDENTITY_HEADER } from "../dispatch/dispatcher-api.ts";
import { dispatcherOf } from "../dispatch/dispatcher-client.ts";
import { ApiError } from "../http/problem.ts";
import { requireAgent } from "./require-agent.ts";

/** `GET /agent`: the agent's WebSocket, routed by its token to its pool's Dispatcher. */
export const agentSocketRoute = new Hono<AgentAppEnv>().get("/", requireAgent, async (c) => {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") throw new ApiError("upgrade_required");
  const agent = c.get("agent");
  const headers = new Headers(c.req.raw.headers);
  headers.delete("authorization");
  headers.set(IDENTITY_HEADER, encodeIdentity(agent));
  return dispatcherOf(c.env, agent.pool).fetch(new Request(c.req.raw, { headers }));
});
