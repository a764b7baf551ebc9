import {
  type AgentCreated,
  type AgentView,
  CreateAgent,
  DrainAgent,
  isUpdate,
  joinCommand,
  offsetUtc,
} from "@splatt/shared";
import { and, desc, eq, sql } from "drizzle-orm";
import { Hono } from "hono";
import manifest from "../../package.json" with { type: "json" };
import { alarmsInReach } from "../alarms/alarm-view.ts";
import type { ApiEnv } from "../app-env.ts";
import { audit, auditIf } from "../audit/audit.ts";
import { serve } from "../contract/serve.ts";
import { database, withRetry } from "../db/database.ts";
import { type AgentRow, agents } from "../db/schema.ts";
import { dispatcherOf, notifyDispatcher } from "../dispatch/dispatcher-client.ts";
import { ApiError } from "../http/problem.ts";
import { publicUrl } from "../http/public-url.ts";
import { idParam, readJson, readOptionalJson, validate } from "../http/validate.ts";
import { agentsInReach, asKeyMakes, requirePoolInReach } from "../keys/reach.ts";
import { CREATE_AGENT, DELETE_AGENT, DRAIN_AGENT, LIST_AGENTS } from "./contract.ts";
import { servedAgentVersion } from "./served-version.ts";
import { newAgentToken } from "./tokens.ts";

/** The owner's API: creates, lists, drains and deletes agents. */
export const agentRoutes = new Hono<ApiEnv>()
  .post("/", serve(CREATE_AGENT), async (c) => {
    const principal = c.get("principal");
    const { name, pool } = validate(CreateAgent, asKeyMakes(principal, await readJson(c)), "body");
    requirePoolInReach(principal, pool);
    const id = crypto.randomUUID();
    const { token, hash } = await newAgentToken(id);
    const agent: AgentRow = {
      id,
      name,
      pool,
      tokenHash: hash,
      connected: false,
      version: null,
      offer: null,
      createdAt: Date.now(),
      lastSeenAt: null,
      faults: null,
      quarantinedAt: null,
    };
    const db = database(c.env.DB);
    const insert = db.insert(agents).values(agent).onConflictDoNothing();
    const record = audit(db, principal, "agent.created", id, { name, pool });
    const created: AgentCreated = {
      ...toView(agent, manifest.version),
      token,
      join_command: joinCommand(publicUrl(c.env, c.req.url, ""), token),
    };
    return (await c.get("creation").commit([insert, record], c.json(created))).answer;
  })

  .get("/", serve(LIST_AGENTS), async (c) => {
    const db = database(c.env.DB);
    const principal = c.get("principal");
    const [served, rows, alarms] = await Promise.all([
      servedAgentVersion(c.env),
      db.select().from(agents).where(agentsInReach(principal)).orderBy(desc(agents.createdAt)),
      alarmsInReach(db, principal),
    ]);
    return c.json({ agents: rows.map((agent) => toView(agent, served)), alarms });
  })

  .post("/:id/drain", serve(DRAIN_AGENT), async (c) => {
    const { deadline_sec } = validate(DrainAgent, await readOptionalJson(c), "body");
    const db = database(c.env.DB);
    const principal = c.get("principal");
    const [agent] = await db
      .select()
      .from(agents)
      .where(and(eq(agents.id, idParam(c)), agentsInReach(principal)));
    if (agent === undefined) throw new ApiError("agent_not_found");
    const told = await dispatcherOf(c.env, agent.pool).drainAgent(agent.id, Math.round(deadline_sec * 1000));
    if (!told) throw new ApiError("agent_not_connected");
    await withRetry(() =>
      audit(db, principal, "agent.drained", agent.id, { name: agent.name, deadline_sec }),
    );
    return c.json({ message: "The agent takes no new jobs and exits when its jobs are done", deadline_sec });
  })

  .delete("/:id", serve(DELETE_AGENT), async (c) => {
    const db = database(c.env.DB);
    const principal = c.get("principal");
    const [agent] = await db
      .select()
      .from(agents)
      .where(and(eq(agents.id, idParam(c)), agentsInReach(principal)));
    if (agent === undefined) throw new ApiError("agent_not_found");
    await withRetry(() =>
      db.batch([
        auditIf(
          db,
          principal,
          "agent.deleted",
          agent.id,
          sql`EXISTS (SELECT 1 FROM agents WHERE id = ${agent.id})`,
          {
            name: agent.name,
            pool: agent.pool,
          },
        ),
        db.delete(agents).where(eq(agents.id, agent.id)),
      ]),
    );
    await notifyDispatcher(c.env, agent.pool, "agent deleted", agent.id, (dispatcher) =>
      dispatcher.agentDeleted(agent.id),
    );
    return c.json({ message: "Agent deleted successfully" });
  });

function toView(agent: AgentRow, served: string): AgentView {
  return {
    agent_id: agent.id,
    name: agent.name,
    pool: agent.pool,
    connected: agent.connected,
    version: agent.version,
    update_available: agent.version !== null && isUpdate(served, agent.version),
    faults: (agent.faults ?? []).map(({ jobId, code, at }) => ({ job_id: jobId, code, at: offsetUtc(at) })),
    quarantined_since: agent.quarantinedAt === null ? null : offsetUtc(agent.quarantinedAt),
    offer: agent.offer,
    created_at: offsetUtc(agent.createdAt),
    last_seen_at: agent.lastSeenAt === null ? null : offsetUtc(agent.lastSeenAt),
  };
}
