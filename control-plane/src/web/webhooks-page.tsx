import {
  ENDED_EVENTS,
  WEBHOOK_EVENTS,
  type WebhookCreated,
  type WebhookEventType,
  type WebhookList,
  type WebhookView,
} from "@splatt/shared";
import { Ago, EmptyState } from "./components.tsx";
import { Checkboxes, FormHead, TextField } from "./fields.tsx";
import type { FormState } from "./form-state.ts";
import { OnceShown } from "./once-shown.tsx";
import type { Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

const EVENT_MEANINGS: Readonly<Record<WebhookEventType, string>> = {
  "job.started": "a GPU box began to work on the job",
  "job.stage": "the job reached the next stage",
  "job.completed": "the results are ready",
  "job.failed": "the job failed",
  "job.cancelled": "the job was cancelled",
  "agent.alarm": "a GPU box or a pool needs attention (for keys that manage boxes)",
  "agent.alarm_ended": "it no longer does",
};

interface WebhooksPageProps {
  readonly viewer: Viewer;
  readonly list: WebhookList;
  readonly created: WebhookCreated | null;
  readonly form: FormState;
  readonly now: number;
}

/** The servers that get the events of jobs. */
export function WebhooksPage({ viewer, list, created, form, now }: WebhooksPageProps) {
  return (
    <Shell viewer={viewer} section="/app/webhooks" title="Webhooks" scripts={["copy"]}>
      <h1>Webhooks</h1>
      {created !== null && (
        <OnceShown
          title="The webhook is ready. Its deliveries are signed with this secret:"
          secret={created.secret}
        >
          The secret is shown only now. Your server verifies with it that a request comes from here; any
          Standard Webhooks library does that.
        </OnceShown>
      )}
      {(created?.warnings ?? []).map((warning) => (
        <p class="notice warn">{warning}</p>
      ))}
      {list.webhooks.length === 0 ? (
        <EmptyState title="No webhooks yet">
          <p>
            A webhook tells your server when a job starts, changes or ends. Your server does not have to ask.
          </p>
        </EmptyState>
      ) : (
        list.webhooks.map((webhook) => <WebhookCard webhook={webhook} now={now} />)
      )}
      {list.next_cursor !== null && (
        <nav class="head" aria-label="Pages">
          <a
            class="button"
            href={`/app/webhooks?${new URLSearchParams({ cursor: list.next_cursor })}`}
            rel="next"
          >
            Older webhooks
          </a>
        </nav>
      )}
      <section class="card">
        <h2>New webhook</h2>
        <form class="form" method="post">
          <FormHead form={form} />
          <TextField
            form={form}
            name="url"
            label="URL"
            type="url"
            required
            maxlength={2048}
            placeholder="https://example.com/splatt"
            hint="A public https address of your server."
          />
          <Checkboxes
            form={form}
            name="events"
            legend="Events to send"
            options={WEBHOOK_EVENTS.map((event) => ({
              value: event,
              hint: EVENT_MEANINGS[event],
              initial: (ENDED_EVENTS as readonly string[]).includes(event),
            }))}
          />
          <div>
            <button class="primary" type="submit">
              Create webhook
            </button>
          </div>
        </form>
      </section>
    </Shell>
  );
}

function WebhookCard({ webhook, now }: { readonly webhook: WebhookView; readonly now: number }) {
  const base = `/app/webhooks/${webhook.webhook_id}`;
  return (
    <section class="card">
      <div class="head">
        <h2 class="wrap">{webhook.url}</h2>
        <WebhookBadge webhook={webhook} />
      </div>
      <p class="muted small">{webhook.events.join(", ")}</p>
      <WebhookTrouble webhook={webhook} now={now} />
      <div class="head">
        <a class="button" href={base}>
          Deliveries<span class="visually-hidden"> to {webhook.url}</span>
        </a>
        <form method="post" action={`${base}/test`}>
          <button type="submit">
            Send a test<span class="visually-hidden"> to {webhook.url}</span>
          </button>
        </form>
        <a class="button danger" href={`${base}/delete`}>
          Delete<span class="visually-hidden"> {webhook.url}</span>
        </a>
      </div>
    </section>
  );
}

export function WebhookBadge({ webhook }: { readonly webhook: WebhookView }) {
  if (webhook.disabled_at !== null) return <span class="badge bad">Disabled</span>;
  if (webhook.failing_since !== null) return <span class="badge warn">Failing</span>;
  return <span class="badge ok">Enabled</span>;
}

/** Why a webhook gets nothing, and what to do. */
export function WebhookTrouble({ webhook, now }: { readonly webhook: WebhookView; readonly now: number }) {
  if (webhook.disabled_at !== null) {
    return (
      <p class="small">
        Its server answered 410 Gone <Ago time={webhook.disabled_at} now={now} />, so nothing is sent to it. A
        test that succeeds enables it again.
      </p>
    );
  }
  if (webhook.failing_since === null) return null;
  return (
    <p class="small">
      Every attempt has failed since <Ago time={webhook.failing_since} now={now} />. The deliveries say why.
    </p>
  );
}
