import type { AgentReleased } from "@splatt/shared";
import { Hono } from "hono";
import type { AgentAppEnv } from "../app-env.ts";
import { dispatcherOf } from "../dispatch/dispatcher-client.ts";
import { ApiError } from "../http/problem.ts";
import { requireAgent } from "./require-agent.ts";

/** `POST /agent/release`: `doctor` has passed on the agent's box, so a quarantine ends. */
export const agentReleaseRoute = new Hono<AgentAppEnv>().post("/", requireAgent, async (c) => {
  const { id, pool } = c.get("agent");
  const wasQuarantined = await dispatcherOf(c.env, pool).releaseAgent(id);
  if (wasQuarantined === null) throw new ApiError("unavailable", undefined, { "retry-after": "5" });
  const released: AgentReleased = { was_quarantined: wasQuarantined };
  return c.json(released);
});
