import { type AgentView, counted, printable } from "@splatt/shared";
import { confirm } from "../ask.ts";
import { command, firstOf } from "../command.ts";
import { table } from "../table.ts";

const AGENT = { name: "AGENT", summary: "an agent's id" } as const;

export const agents = command({
  name: "agents",
  summary: "list agents, and what each does",
  async run(context) {
    const found = await (await context.splatt()).listAgents(context);
    const rows = found.agents.map((agent) => [
      agent.agent_id,
      agent.name,
      agent.pool,
      stateOf(agent),
      agent.update_available ? `${agent.version} (update available)` : (agent.version ?? ""),
      agent.offer === null ? "" : `${counted(agent.offer.slots, "slot")}: ${agent.offer.reason}`,
    ]);
    const list =
      rows.length === 0 ? "No agents." : table(["AGENT", "NAME", "POOL", "STATE", "VERSION", "OFFERS"], rows);
    const alarms = found.alarms.map(({ message }) => `! ${printable(message)}`);
    return { json: found, text: [...alarms, ...(alarms.length === 0 ? [] : [""]), list].join("\n") };
  },
});

function stateOf({ connected, quarantined_since }: AgentView): string {
  if (quarantined_since !== null) return "quarantined";
  return connected ? "connected" : "offline";
}

export const agentsAdd = command({
  name: "agents add",
  summary: "register an agent, and print the line that joins its machine",
  details: "The line contains the agent's token, which is shown once. It needs npm there.",
  args: [{ name: "NAME", summary: "the agent's name" }],
  options: { pool: { type: "string", value: "NAME", summary: "the pool whose jobs it takes" } },
  async run(context, { args, options }) {
    const splatt = await context.splatt();
    const created = await splatt.createAgent({ name: firstOf(args), pool: options.pool }, context);
    const text = `Agent ${created.agent_id} is registered. Run on its machine:\n\n  ${created.join_command}`;
    return { json: created, text };
  },
});

export const agentsDrain = command({
  name: "agents drain",
  summary: "let an agent finish its jobs and exit",
  args: [AGENT],
  options: {
    deadline: { type: "number", summary: "seconds until it hands back what is unfinished; 3600 by default" },
  },
  async run(context, { args, options }) {
    const { deadline } = options;
    const drain = deadline === undefined ? {} : { deadline_sec: deadline };
    const done = await (await context.splatt()).drainAgent(firstOf(args), drain, context);
    return { json: done, text: done.message };
  },
});

export const agentsRemove = command({
  name: "agents remove",
  summary: "delete an agent, and revoke its token",
  args: [AGENT],
  options: { yes: { type: "boolean", short: "y", summary: "do not ask" } },
  async run(context, { args, options }) {
    const id = firstOf(args);
    if (!options.yes) await confirm(`Delete agent ${id}? Its jobs go to other agents.`, context.signal);
    const done = await (await context.splatt()).deleteAgent(id, context);
    return { json: { agent_id: id, ...done }, text: `Agent ${id} is deleted.` };
  },
});
