import type { AgentReleased } from "@splatt/shared";
import { Hono } from "hono";
import type { AgentAppEnv } from "../app-env.ts";
import { dispatcherOf } from "../dispatch/dispatcher-client.ts";
import { requireAgent } from "./require-agent.ts";

/** `POST /agent/release`: `doctor` has passed on the agent's box, so a quarantine ends. */
export const agentReleaseRoute = new Hono<AgentAppEnv>().post("/", requireAgent, async (c) => {
  const { id, pool } = c.get("agent");
  const released: AgentReleased = { was_quarantined: await dispatcherOf(c.env, pool).releaseAgent(id) };
  return c.json(released);
});
