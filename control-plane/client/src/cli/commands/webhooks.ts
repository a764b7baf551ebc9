import { type DeliveryView, WEBHOOK_EVENTS, type WebhookEventType } from "@splatt/shared";
import { pause } from "../../pause.ts";
import { type Context, command, firstOf, UsageError } from "../command.ts";
import { table } from "../table.ts";

const WEBHOOK = { name: "WEBHOOK", summary: "a webhook's id" } as const;

export const webhooks = command({
  name: "webhooks",
  summary: "list webhooks",
  async run(context) {
    const found = await (await context.splatt()).listWebhooks({}, context);
    const rows = found.webhooks.map((each) => [
      each.webhook_id,
      each.disabled_at !== null
        ? "disabled"
        : each.failing_since === null
          ? "works"
          : `fails since ${each.failing_since}`,
      each.events.join(" "),
      each.url,
    ]);
    return {
      json: found,
      text: rows.length === 0 ? "No webhooks." : table(["WEBHOOK", "STATE", "EVENTS", "URL"], rows),
    };
  },
});

export const webhooksAdd = command({
  name: "webhooks add",
  summary: "subscribe a URL to the events of jobs, and print the signing secret",
  details: "The secret is shown once.",
  args: [{ name: "URL", summary: "what gets the events" }],
  options: {
    event: { type: "list", value: "EVENT", summary: `${WEBHOOK_EVENTS.join(", ")}; may be repeated` },
  },
  async run(context, { args, options }) {
    const events = options.event.map((each) => {
      if (!(WEBHOOK_EVENTS as readonly string[]).includes(each))
        throw new UsageError(`Unknown event: ${each}`);
      return each as WebhookEventType;
    });
    const fields = { url: firstOf(args), ...(events.length > 0 && { events }) };
    const created = await (await context.splatt()).createWebhook(fields, context);
    return { json: created, text: `Webhook ${created.webhook_id}\nSecret  ${created.secret}` };
  },
});

export const webhooksRemove = command({
  name: "webhooks remove",
  summary: "delete a webhook",
  args: [WEBHOOK],
  async run(context, { args }) {
    const id = firstOf(args);
    const done = await (await context.splatt()).deleteWebhook(id, context);
    return { json: { webhook_id: id, ...done }, text: `Webhook ${id} is deleted.` };
  },
});

export const webhooksTest = command({
  name: "webhooks test",
  summary: "send a test event to a webhook",
  args: [WEBHOOK],
  async run(context, { args }) {
    const webhook = firstOf(args);
    const delivery = await attempted(
      context,
      webhook,
      await (await context.splatt()).testWebhook(webhook, context),
    );
    return { json: delivery, text: testText(delivery), exit: delivery.state === "delivered" ? 0 : 1 };
  },
});

/** A receiver gets 15 s to answer; what waits for it comes first. */
const ATTEMPT_MS = 30_000;
const POLL_MS = 500;

/** A delivery once its first attempt has ended, or as it is after a while. */
async function attempted(context: Context, webhook: string, delivery: DeliveryView): Promise<DeliveryView> {
  const splatt = await context.splatt();
  const until = performance.now() + ATTEMPT_MS;
  let latest = delivery;
  while (latest.state === "pending" && latest.attempts === 0 && performance.now() < until) {
    await pause(POLL_MS, context.signal);
    const { deliveries } = await splatt.listWebhookDeliveries(webhook, {}, context);
    latest = deliveries.find(({ delivery_id }) => delivery_id === delivery.delivery_id) ?? latest;
  }
  return latest;
}

function testText({ state, attempts, response_status, error, next_attempt_at }: DeliveryView): string {
  if (state === "delivered") return `Delivered: ${response_status}`;
  if (state === "given_up") return `Not delivered: ${error}`;
  if (attempts === 0) return "Not delivered yet: earlier events wait for this receiver.";
  return `Not delivered: ${error} The next attempt is at ${next_attempt_at}.`;
}

export const webhooksDeliveries = command({
  name: "webhooks deliveries",
  summary: "list what a webhook has delivered, newest first",
  args: [WEBHOOK],
  async run(context, { args }) {
    const found = await (await context.splatt()).listWebhookDeliveries(firstOf(args), {}, context);
    const rows = found.deliveries.map((each) => [
      each.created_at,
      each.event,
      each.state,
      String(each.attempts),
      each.error ?? String(each.response_status ?? ""),
    ]);
    const text =
      rows.length === 0 ? "No deliveries." : table(["AT", "EVENT", "STATE", "ATTEMPTS", "ANSWER"], rows);
    return { json: found, text };
  },
});
