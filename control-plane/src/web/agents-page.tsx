import type { AgentCreated, AgentView } from "@splatt/shared";
import { Ago, EmptyState } from "./components.tsx";
import { bytes } from "./format.ts";
import type { Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

interface AgentsPageProps {
  readonly viewer: Viewer;
  readonly agents: readonly AgentView[];
  /** The agent that was just added, with its token; shown only once. */
  readonly added: AgentCreated | null;
  /** The address that agents connect to. */
  readonly origin: string;
  readonly now: number;
}

/** The GPU boxes: what each has, what it offers, and why one offers nothing. */
export function AgentsPage({ viewer, agents, added, origin, now }: AgentsPageProps) {
  return (
    <Shell viewer={viewer} section="/app/agents" title="GPU boxes" scripts={["agents"]}>
      <div class="head">
        <h1>GPU boxes</h1>
      </div>
      {added !== null && <Added agent={added} origin={origin} />}
      {agents.length === 0 ? (
        <EmptyState title="No GPU box yet">
          <p>Add one below. It connects outwards, so it needs no open port and no fixed address.</p>
        </EmptyState>
      ) : (
        <div class="cards wide" data-live="agents">
          {agents.map((agent) => (
            <AgentCard agent={agent} now={now} />
          ))}
        </div>
      )}
      <section class="card">
        <h2>Add a GPU box</h2>
        <form class="row" method="post">
          <label>
            Name
            <input name="name" required maxlength={255} placeholder="office-4090" />
          </label>
          <label>
            Pool
            <input name="pool" value="default" required pattern="[a-z0-9][a-z0-9_\-]{0,62}" />
          </label>
          <button class="primary" type="submit">
            Add
          </button>
        </form>
        <p class="hint">Jobs run on the boxes of their pool. Most people need only the pool "default".</p>
      </section>
    </Shell>
  );
}

function Added({ agent, origin }: { readonly agent: AgentCreated; readonly origin: string }) {
  return (
    <section class="notice ok" role="status" data-agent-added={agent.agent_id}>
      <strong>{agent.name} is registered. Run this on the box:</strong>
      <pre data-copy tabindex={0}>
        {joinCommand(origin, agent.token)}
      </pre>
      <p>The token is shown only now. This page turns green when the box connects.</p>
    </section>
  );
}

/** What the owner of the box types, in a clone of this repository. */
function joinCommand(origin: string, token: string): string {
  return `CONTROL_PLANE_URL=${origin} AGENT_TOKEN=${token} npm run agent -- start`;
}

function AgentCard({ agent, now }: { readonly agent: AgentView; readonly now: number }) {
  const offer = agent.offer;
  return (
    <section class="card" data-agent={agent.agent_id}>
      <div class="head">
        <h2 class="wrap">{agent.name}</h2>
        <span class={`badge ${agent.connected ? "ok" : "waiting"}`}>
          {agent.connected ? "Connected" : "Not connected"}
        </span>
      </div>
      <dl class="facts">
        <dt>Pool</dt>
        <dd>{agent.pool}</dd>
        {agent.version !== null && (
          <>
            <dt>Version</dt>
            <dd>{agent.version}</dd>
          </>
        )}
        <dt>{agent.connected ? "Since" : "Last seen"}</dt>
        <dd>{agent.last_seen_at === null ? "never" : <Ago time={agent.last_seen_at} now={now} />}</dd>
        {offer !== null && (
          <>
            <dt>Jobs at once</dt>
            <dd>{offer.slots}</dd>
            <dt>Engine</dt>
            <dd>{offer.reason}</dd>
          </>
        )}
        {(offer?.gpus ?? []).map((gpu) => (
          <>
            <dt>{gpu.name}</dt>
            <dd class="number">
              {[
                gpu.memory_free === null
                  ? bytes(gpu.memory_total)
                  : `${bytes(gpu.memory_free)} free of ${bytes(gpu.memory_total)}`,
                gpu.utilization === null ? null : `${gpu.utilization} % busy`,
                gpu.temperature === null ? null : `${gpu.temperature} °C`,
              ]
                .filter((part) => part !== null)
                .join(", ")}
            </dd>
          </>
        ))}
      </dl>
      <div class="head">
        {agent.connected && (
          <form method="post" action={`/app/agents/${agent.agent_id}/drain`}>
            <button type="submit">Drain</button>
          </form>
        )}
        <a class="button danger" href={`/app/agents/${agent.agent_id}/delete`}>
          Remove
        </a>
      </div>
    </section>
  );
}
