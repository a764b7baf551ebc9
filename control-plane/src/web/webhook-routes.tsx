import type { DeliveryView, WebhookCreated, WebhookView } from "@splatt/shared";
import { type Context, Hono } from "hono";
import { ConfirmPage } from "./confirm-page.tsx";
import type { PageEnv } from "./page-env.ts";
import { DeliveriesPage, WebhooksPage } from "./webhooks-page.tsx";

/** `/app/webhooks` and the pages below it. */
export const webhookPages = new Hono<PageEnv>()
  .get("/", (c) => webhooksPage(c, null))

  .post("/", async (c) => {
    const form = await c.req.parseBody({ all: true });
    const body = { url: form.url, events: [form.events ?? []].flat() };
    return webhooksPage(c, await c.var.api.post<WebhookCreated>("/webhooks", body));
  })

  .get("/:id", async (c) => {
    const id = encodeURIComponent(c.req.param("id"));
    const [viewer, { deliveries }] = await Promise.all([
      c.var.viewer(),
      c.var.api.get<{ deliveries: DeliveryView[] }>(`/webhooks/${id}/deliveries`),
    ]);
    return c.html(<DeliveriesPage viewer={viewer} deliveries={deliveries} now={Date.now()} />);
  })

  .post("/:id/test", async (c) => {
    const id = encodeURIComponent(c.req.param("id"));
    await c.var.api.post(`/webhooks/${id}/test`);
    return c.redirect(`/app/webhooks/${id}`, 303);
  })

  .post("/deliveries/:id/redeliver", async (c) => {
    await c.var.api.post(`/deliveries/${encodeURIComponent(c.req.param("id"))}/redeliver`);
    return c.redirect("/app/webhooks", 303);
  })

  .get("/:id/delete", async (c) => {
    return c.html(
      <ConfirmPage
        viewer={await c.var.viewer()}
        section="/app/webhooks"
        question="Delete this webhook?"
        consequence="Nothing more is sent to it, not even what waits for another attempt."
        action="Delete the webhook"
        back="/app/webhooks"
      />,
    );
  })

  .post("/:id/delete", async (c) => {
    await c.var.api.delete(`/webhooks/${encodeURIComponent(c.req.param("id"))}`);
    return c.redirect("/app/webhooks", 303);
  });

async function webhooksPage(c: Context<PageEnv>, created: WebhookCreated | null): Promise<Response> {
  const [viewer, { webhooks }] = await Promise.all([
    c.var.viewer(),
    c.var.api.get<{ webhooks: WebhookView[] }>("/webhooks"),
  ]);
  return c.html(<WebhooksPage viewer={viewer} webhooks={webhooks} created={created} now={Date.now()} />);
}
