import { type DeliveryView, WEBHOOK_EVENTS, type WebhookCreated, type WebhookView } from "@splatt/shared";
import { Ago, EmptyState } from "./components.tsx";
import { OnceShown } from "./once-shown.tsx";
import type { Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

interface WebhooksPageProps {
  readonly viewer: Viewer;
  readonly webhooks: readonly WebhookView[];
  readonly created: WebhookCreated | null;
  readonly now: number;
}

export function WebhooksPage({ viewer, webhooks, created, now }: WebhooksPageProps) {
  return (
    <Shell viewer={viewer} section="/app/webhooks" title="Webhooks" scripts={["copy"]}>
      <h1>Webhooks</h1>
      {created !== null && (
        <OnceShown
          title="The webhook is ready. Its deliveries are signed with this secret:"
          secret={created.secret}
        >
          It is shown only now. Any library of Standard Webhooks verifies the signature with it.
        </OnceShown>
      )}
      {webhooks.length === 0 ? (
        <EmptyState title="No webhooks">
          <p>A webhook tells your server when a job starts, changes or ends, so that it need not ask.</p>
        </EmptyState>
      ) : (
        webhooks.map((webhook) => <WebhookCard webhook={webhook} now={now} />)
      )}
      <section class="card">
        <h2>New webhook</h2>
        <form class="form" method="post">
          <label>
            URL
            <input name="url" type="url" required placeholder="https://example.com/splatt" />
          </label>
          <fieldset>
            <legend>Tell it of</legend>
            {WEBHOOK_EVENTS.map((event) => (
              <label class="check">
                <input type="checkbox" name="events" value={event} checked={!/started|stage/.test(event)} />
                <code>{event}</code>
              </label>
            ))}
          </fieldset>
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
        <WebhookState webhook={webhook} />
      </div>
      <p class="muted small">{webhook.events.join(", ")}</p>
      {webhook.failing_since !== null && (
        <p class="small">
          Every delivery has failed since <Ago time={webhook.failing_since} now={now} />.
        </p>
      )}
      <div class="head">
        <a class="button" href={base}>
          Deliveries
        </a>
        <form method="post" action={`${base}/test`}>
          <button type="submit">Send a test</button>
        </form>
        <a class="button danger" href={`${base}/delete`}>
          Delete
        </a>
      </div>
    </section>
  );
}

function WebhookState({ webhook }: { readonly webhook: WebhookView }) {
  if (webhook.disabled_at !== null) return <span class="badge bad">Disabled</span>;
  if (webhook.failing_since !== null) return <span class="badge warn">Failing</span>;
  return <span class="badge ok">Working</span>;
}

interface DeliveriesPageProps {
  readonly viewer: Viewer;
  readonly deliveries: readonly DeliveryView[];
  readonly now: number;
}

export function DeliveriesPage({ viewer, deliveries, now }: DeliveriesPageProps) {
  return (
    <Shell viewer={viewer} section="/app/webhooks" title="Deliveries">
      <h1>Deliveries</h1>
      {deliveries.length === 0 ? (
        <EmptyState title="Nothing was sent yet">
          <a href="/app/webhooks">Back to the webhooks</a>
        </EmptyState>
      ) : (
        <div class="table">
          <table>
            <thead>
              <tr>
                <th>Event</th>
                <th>State</th>
                <th>Answer</th>
                <th>Attempts</th>
                <th>When</th>
                <th>
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {deliveries.map((delivery) => (
                <tr>
                  <td>
                    <code>{delivery.event}</code>
                    {delivery.job_id !== null && (
                      <>
                        {" "}
                        <a href={`/app/jobs/${delivery.job_id}`}>job</a>
                      </>
                    )}
                  </td>
                  <td>
                    <DeliveryState state={delivery.state} />
                  </td>
                  <td class="wrap small">{delivery.error ?? delivery.response_status ?? ""}</td>
                  <td class="number">{delivery.attempts}</td>
                  <td class="small muted">
                    <Ago time={delivery.created_at} now={now} />
                  </td>
                  <td>
                    <form method="post" action={`/app/webhooks/deliveries/${delivery.delivery_id}/redeliver`}>
                      <button type="submit">Send again</button>
                    </form>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Shell>
  );
}

function DeliveryState({ state }: { readonly state: DeliveryView["state"] }) {
  const [kind, name] = {
    pending: ["waiting", "Pending"],
    delivered: ["ok", "Delivered"],
    given_up: ["bad", "Given up"],
  }[state] as [string, string];
  return <span class={`badge ${kind}`}>{name}</span>;
}
