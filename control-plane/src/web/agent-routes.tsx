import type { AgentCreated, AgentView } from "@splatt/shared";
import { type Context, Hono } from "hono";
import { AgentsPage } from "./agents-page.tsx";
import { ConfirmPage } from "./confirm-page.tsx";
import type { PageEnv } from "./page-env.ts";

/** `/app/agents` and the pages below it. */
export const agentPages = new Hono<PageEnv>()
  .get("/", (c) => agentsPage(c, null))

  .post("/", async (c) => {
    const { name, pool } = await c.req.parseBody();
    return agentsPage(c, await c.var.api.post<AgentCreated>("/agents", { name, pool }));
  })

  .post("/:id/drain", async (c) => {
    await c.var.api.post(`/agents/${encodeURIComponent(c.req.param("id"))}/drain`, {});
    return c.redirect("/app/agents", 303);
  })

  .get("/:id/delete", async (c) => {
    return c.html(
      <ConfirmPage
        viewer={await c.var.viewer()}
        section="/app/agents"
        question="Remove this GPU box?"
        consequence="Its token is revoked. Jobs that it runs go back to the queue."
        action="Remove the box"
        back="/app/agents"
      />,
    );
  })

  .post("/:id/delete", async (c) => {
    await c.var.api.delete(`/agents/${encodeURIComponent(c.req.param("id"))}`);
    return c.redirect("/app/agents", 303);
  });

async function agentsPage(c: Context<PageEnv>, added: AgentCreated | null): Promise<Response> {
  const [viewer, { agents }] = await Promise.all([
    c.var.viewer(),
    c.var.api.get<{ agents: AgentView[] }>("/agents"),
  ]);
  const { origin } = new URL(c.req.url);
  return c.html(
    <AgentsPage viewer={viewer} agents={agents} added={added} origin={origin} now={Date.now()} />,
  );
}
