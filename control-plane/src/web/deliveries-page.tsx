import type { DeliveryList, DeliveryView, WebhookView } from "@splatt/shared";
import { Ago, EmptyState } from "./components.tsx";
import { ago, until } from "./format.ts";
import type { Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";
import { WebhookBadge, WebhookTrouble } from "./webhooks-page.tsx";

interface DeliveriesPageProps {
  readonly viewer: Viewer;
  readonly webhook: WebhookView;
  readonly list: DeliveryList;
  readonly now: number;
}

/** What a webhook was sent, what its server answered, and what is tried again when. */
export function DeliveriesPage({ viewer, webhook, list, now }: DeliveriesPageProps) {
  const base = `/app/webhooks/${webhook.webhook_id}`;
  return (
    <Shell viewer={viewer} section="/app/webhooks" title={`Deliveries to ${webhook.url}`} scripts={["live"]}>
      <div class="head">
        <h1>Deliveries</h1>
        <div class="actions">
          <form method="post" action={`${base}/test`}>
            <button class="primary" type="submit">
              Send a test
            </button>
          </form>
          <a class="button" href="/app/webhooks">
            All webhooks
          </a>
        </div>
      </div>
      <div data-live="webhook" class="card">
        <div class="head">
          <code class="wrap">{webhook.url}</code>
          <WebhookBadge webhook={webhook} />
        </div>
        <WebhookTrouble webhook={webhook} now={now} />
      </div>
      <div data-live="deliveries">
        {list.deliveries.length === 0 ? (
          <EmptyState title="Nothing was sent yet">
            <p>Send a test, or wait until a job changes.</p>
          </EmptyState>
        ) : (
          <div class="table">
            <table class="rows">
              <thead>
                <tr>
                  <th>Event</th>
                  <th>State</th>
                  <th>Answer</th>
                  <th>Attempts</th>
                  <th>Happened</th>
                  <th>
                    <span class="visually-hidden">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {list.deliveries.map((delivery) => (
                  <DeliveryRow delivery={delivery} base={base} now={now} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
      {list.next_cursor !== null && (
        <nav aria-label="Pages">
          <a class="button" href={`${base}?cursor=${encodeURIComponent(list.next_cursor)}`} rel="next">
            Older deliveries
          </a>
        </nav>
      )}
    </Shell>
  );
}

interface DeliveryRowProps {
  readonly delivery: DeliveryView;
  readonly base: string;
  readonly now: number;
}

function DeliveryRow({ delivery, base, now }: DeliveryRowProps) {
  const { delivery_id, event, job_id, attempts, created_at } = delivery;
  return (
    <tr data-changing={delivery.state === "pending" ? "" : undefined}>
      <td>
        <code>{event}</code>
        {job_id !== null && (
          <>
            {" "}
            <a href={`/app/jobs/${job_id}`}>
              job<span class="visually-hidden"> {job_id}</span>
            </a>
          </>
        )}
      </td>
      <td>
        <DeliveryBadge delivery={delivery} now={now} />
      </td>
      <td class="wrap small">{answerOf(delivery)}</td>
      <td class="number" data-label="Attempts">
        {attempts}
      </td>
      <td class="small muted">
        <Ago time={created_at} now={now} />
      </td>
      <td class="action">
        <form method="post" action={`${base}/deliveries/${encodeURIComponent(delivery_id)}/redeliver`}>
          <button type="submit">
            Send again<span class="visually-hidden">: {`${event}, ${ago(created_at, now)}`}</span>
          </button>
        </form>
      </td>
    </tr>
  );
}

function answerOf({ response_status, error }: DeliveryView): string {
  return error ?? (response_status === null ? "" : String(response_status));
}

function DeliveryBadge({ delivery, now }: { readonly delivery: DeliveryView; readonly now: number }) {
  if (delivery.state === "delivered") return <span class="badge ok">Delivered</span>;
  if (delivery.state === "given_up") return <span class="badge bad">Given up</span>;
  const next = delivery.next_attempt_at;
  if (delivery.attempts === 0 || next === null) return <span class="badge waiting">Sending</span>;
  return <span class="badge warn">Retry {until(next, now)}</span>;
}
