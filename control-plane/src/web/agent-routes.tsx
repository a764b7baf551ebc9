import type { AgentCreated, AgentView, AlarmView } from "@splatt/shared";
import { type Context, Hono } from "hono";
import { AgentsPage } from "./agents-page.tsx";
import { ConfirmPage } from "./confirm-page.tsx";
import { emptyForm, type Submission, sentFields, submit } from "./form-state.ts";
import { refuse } from "./page-api.ts";
import type { PageEnv } from "./page-env.ts";

/** `/app/agents` and the pages below it. */
export const agentPages = new Hono<PageEnv>()
  .get("/", (c) => agentsPage(c, { created: null, form: emptyForm() }))

  .post("/", async (c) => {
    const fields = await sentFields(c);
    const body = { name: fields.get("name"), pool: fields.get("pool") || undefined };
    return agentsPage(c, await submit(fields, (key) => c.var.api.create<AgentCreated>("/agents", body, key)));
  })

  .post("/:id/drain", async (c) => {
    await c.var.api.post(`/agents/${encodeURIComponent(c.req.param("id"))}/drain`, {});
    return c.redirect("/app/agents", 303);
  })

  .get("/:id/delete", async (c) => {
    const [viewer, { agents }] = await Promise.all([c.var.viewer(), c.var.api.get<AgentList>("/agents")]);
    const agent = agents.find(({ agent_id }) => agent_id === c.req.param("id")) ?? refuse("agent_not_found");
    return c.html(
      <ConfirmPage
        viewer={viewer}
        section="/app/agents"
        question={`Remove the GPU box ${agent.name}?`}
        consequence="Its token is revoked, and it disconnects. Jobs that it runs go back to the queue."
        action="Remove the GPU box"
        back="/app/agents"
      />,
    );
  })

  .post("/:id/delete", async (c) => {
    await c.var.api.delete(`/agents/${encodeURIComponent(c.req.param("id"))}`);
    return c.redirect("/app/agents", 303);
  });

interface AgentList {
  readonly agents: readonly AgentView[];
  readonly alarms: readonly AlarmView[];
}

async function agentsPage(
  c: Context<PageEnv>,
  { created, form }: Submission<AgentCreated>,
): Promise<Response> {
  const [viewer, { agents, alarms }] = await Promise.all([
    c.var.viewer(),
    c.var.api.get<AgentList>("/agents"),
  ]);
  return c.html(
    <AgentsPage
      viewer={viewer}
      agents={agents}
      alarms={alarms}
      added={created}
      form={form}
      now={Date.now()}
    />,
    (form.problem?.status ?? 200) as 200,
  );
}
