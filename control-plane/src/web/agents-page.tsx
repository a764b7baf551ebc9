import {
  type AgentCreated,
  type AgentOffer,
  type AgentView,
  type AlarmView,
  DEFAULT_POOL,
  type GpuInfo,
} from "@splatt/shared";
import { Ago, EmptyState } from "./components.tsx";
import { FormHead, TextField } from "./fields.tsx";
import type { FormState } from "./form-state.ts";
import { bytes } from "./format.ts";
import type { Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

interface AgentsPageProps {
  readonly viewer: Viewer;
  readonly agents: readonly AgentView[];
  readonly alarms: readonly AlarmView[];
  /** The agent that was just added, with its token; shown only once. */
  readonly added: AgentCreated | null;
  readonly form: FormState;
  readonly now: number;
}

/** The GPU boxes: what each has, what it offers, and why one offers nothing. */
export function AgentsPage({ viewer, agents, alarms, added, form, now }: AgentsPageProps) {
  return (
    <Shell viewer={viewer} section="/app/agents" title="GPU boxes" scripts={["agents"]}>
      <h1>GPU boxes</h1>
      {added !== null && <Added agent={added} />}
      <div data-live="agents">
        <Alarms alarms={alarms} now={now} />
        {agents.length === 0 ? (
          <EmptyState title="No GPU box yet">
            <p>Add one below. It connects outwards, so it needs no open port and no fixed address.</p>
          </EmptyState>
        ) : (
          <div class="cards wide">
            {agents.map((agent) => (
              <AgentCard agent={agent} now={now} />
            ))}
          </div>
        )}
      </div>
      <section class="card">
        <h2>Add a GPU box</h2>
        <form class="form" method="post">
          <FormHead form={form} />
          <div class="row">
            <TextField
              form={form}
              name="name"
              label="Name"
              required
              maxlength={255}
              placeholder="office-4090"
            />
            <TextField form={form} name="pool" label="Pool" initial={DEFAULT_POOL} />
          </div>
          <p class="hint">
            A job runs on a box of its pool. One pool, "{DEFAULT_POOL}", is enough for most installations.
          </p>
          <div>
            <button class="primary" type="submit">
              Add
            </button>
          </div>
        </form>
      </section>
    </Shell>
  );
}

/** What needs attention, oldest first. */
export function Alarms({ alarms, now }: { readonly alarms: readonly AlarmView[]; readonly now: number }) {
  return (
    <>
      {alarms.map(({ message, since }) => (
        <div class="notice warn" role="status" data-alarm="">
          <p class="wrap">
            {message}{" "}
            <span class="muted small">
              Since <Ago time={since} now={now} />
            </span>
          </p>
        </div>
      ))}
    </>
  );
}

function Added({ agent }: { readonly agent: AgentCreated }) {
  return (
    <section
      class="notice"
      role="status"
      data-agent-added={agent.agent_id}
      data-name={agent.name}
      data-changing=""
    >
      <strong class="wrap">{agent.name} is registered. Run this on the box:</strong>
      <pre data-copy tabindex={0}>
        {agent.join_command}
      </pre>
      <p>
        The token is shown only now. The line needs npm, and gets a newer Node where the box's is older than
        22.15. This notice turns green when the box connects.
      </p>
    </section>
  );
}

function AgentCard({ agent, now }: { readonly agent: AgentView; readonly now: number }) {
  const {
    agent_id,
    name,
    pool,
    connected,
    version,
    update_available,
    offer,
    last_seen_at,
    faults,
    quarantined_since,
  } = agent;
  return (
    <section class="card" data-agent={agent_id} data-connected={connected ? "" : undefined}>
      <div class="head">
        <h2 class="wrap">{name}</h2>
        <AgentBadge agent={agent} />
      </div>
      {quarantined_since !== null && (
        <div class="notice warn">
          <strong>It takes no jobs</strong>
          <p class="wrap">
            {faults.length} jobs with different videos failed here in a row: {codesOf(faults)}. Run{" "}
            <code>splatt-agent doctor</code> on the box; when it passes, the box takes jobs again.
          </p>
        </div>
      )}
      {quarantined_since === null && connected && offer?.slots === 0 && (
        <div class="notice warn">
          <strong>It takes no jobs</strong>
          <p class="wrap">{offer.reason}</p>
        </div>
      )}
      <dl class="facts">
        <dt>Pool</dt>
        <dd>{pool}</dd>
        {version !== null && (
          <>
            <dt>Version</dt>
            <dd>{update_available ? `${version}, update available: splatt-agent update` : version}</dd>
          </>
        )}
        <dt>{connected ? "Connected" : "Last seen"}</dt>
        <dd>{last_seen_at === null ? "never" : <Ago time={last_seen_at} now={now} />}</dd>
        {connected && offer !== null && <OfferFacts offer={offer} />}
      </dl>
      <div class="head">
        {connected && (
          <form method="post" action={`/app/agents/${agent_id}/drain`}>
            <button type="submit" title="Take no new jobs, finish the running ones, then stop">
              Drain<span class="visually-hidden"> {name}</span>
            </button>
          </form>
        )}
        <a class="button danger" href={`/app/agents/${agent_id}/delete`}>
          Remove<span class="visually-hidden"> {name}</span>
        </a>
      </div>
    </section>
  );
}

function codesOf(faults: AgentView["faults"]): string {
  return [...new Set(faults.map(({ code }) => code))].join(", ");
}

function AgentBadge({ agent: { connected, offer, quarantined_since } }: { readonly agent: AgentView }) {
  if (quarantined_since !== null) return <span class="badge warn">Quarantined</span>;
  if (!connected) return <span class="badge waiting">Not connected</span>;
  if (offer?.slots === 0) return <span class="badge warn">Takes no jobs</span>;
  return <span class="badge ok">Connected</span>;
}

function OfferFacts({ offer }: { readonly offer: AgentOffer }) {
  return (
    <>
      <dt>Jobs at once</dt>
      <dd>{offer.slots}</dd>
      <dt>Engine</dt>
      <dd>
        {offer.default_engine ?? "none"}
        {offer.slots > 0 && offer.reason !== "" && <div class="muted small">{offer.reason}</div>}
      </dd>
      {offer.gpus.length === 0 && (
        <>
          <dt>GPU</dt>
          <dd>{withoutGpu(offer.default_engine)}</dd>
        </>
      )}
      {offer.gpus.map((gpu) => (
        <>
          <dt>{gpu.name}</dt>
          <dd class="number">{gpuState(gpu)}</dd>
        </>
      ))}
    </>
  );
}

/** What is said of a box that reports no GPU. */
export function withoutGpu(engine: string | null): string {
  return engine === "builtin" ? "none: it trains on the CPU" : "none reported";
}

/** Memory, load and temperature, as far as they are known. */
export function gpuState({
  memory_free,
  memory_total,
  utilization,
  temperature,
}: Omit<GpuInfo, "uuid">): string {
  return [
    memory_free === null ? bytes(memory_total) : `${bytes(memory_free)} free of ${bytes(memory_total)}`,
    utilization === null ? null : `${utilization} % busy`,
    temperature === null ? null : `${temperature} °C`,
  ]
    .filter((part) => part !== null)
    .join(", ");
}
