import { WEBHOOK_EVENTS, type WebhookEventType } from "@splatt/shared";
import { command, firstOf, UsageError } from "../command.ts";
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
    const delivery = await (await context.splatt()).testWebhook(firstOf(args), context);
    const isDelivered = delivery.state === "delivered";
    return {
      json: delivery,
      text: isDelivered
        ? `Delivered: ${delivery.response_status}`
        : `Not delivered: ${delivery.error ?? delivery.state}`,
      exit: isDelivered ? 0 : 1,
    };
  },
});

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
