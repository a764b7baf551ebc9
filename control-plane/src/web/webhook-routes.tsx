import type { DeliveryList, WebhookCreated, WebhookList, WebhookView } from "@splatt/shared";
import { type Context, Hono } from "hono";
import { ConfirmPage } from "./confirm-page.tsx";
import { DeliveriesPage } from "./deliveries-page.tsx";
import { emptyForm, type Submission, sentFields, submit } from "./form-state.ts";
import type { PageEnv } from "./page-env.ts";
import { WebhooksPage } from "./webhooks-page.tsx";

/** `/app/webhooks` and the pages below it. */
export const webhookPages = new Hono<PageEnv>()
  .get("/", (c) => webhooksPage(c, { created: null, form: emptyForm() }))

  .post("/", async (c) => {
    const fields = await sentFields(c);
    const body = { url: fields.get("url"), events: fields.getAll("events") };
    return webhooksPage(
      c,
      await submit(fields, (key) => c.var.api.create<WebhookCreated>("/webhooks", body, key)),
    );
  })

  .get("/:id", async (c) => {
    const id = encodeURIComponent(c.req.param("id"));
    const cursor = c.req.query("cursor");
    const page = cursor === undefined ? "" : `?cursor=${encodeURIComponent(cursor)}`;
    const [viewer, webhook, list] = await Promise.all([
      c.var.viewer(),
      c.var.api.get<WebhookView>(`/webhooks/${id}`),
      c.var.api.get<DeliveryList>(`/webhooks/${id}/deliveries${page}`),
    ]);
    return c.html(<DeliveriesPage viewer={viewer} webhook={webhook} list={list} now={Date.now()} />);
  })

  .post("/:id/test", async (c) => {
    const id = encodeURIComponent(c.req.param("id"));
    await c.var.api.post(`/webhooks/${id}/test`);
    return c.redirect(`/app/webhooks/${id}`, 303);
  })

  .post("/:id/deliveries/:delivery/redeliver", async (c) => {
    await c.var.api.post(`/deliveries/${encodeURIComponent(c.req.param("delivery"))}/redeliver`);
    return c.redirect(`/app/webhooks/${encodeURIComponent(c.req.param("id"))}`, 303);
  })

  .get("/:id/delete", async (c) => {
    const [viewer, webhook] = await Promise.all([
      c.var.viewer(),
      c.var.api.get<WebhookView>(`/webhooks/${encodeURIComponent(c.req.param("id"))}`),
    ]);
    return c.html(
      <ConfirmPage
        viewer={viewer}
        section="/app/webhooks"
        question={`Delete the webhook ${webhook.url}?`}
        consequence="Nothing more is sent to it, and what waits for another attempt is dropped."
        action="Delete the webhook"
        back="/app/webhooks"
      />,
    );
  })

  .post("/:id/delete", async (c) => {
    await c.var.api.delete(`/webhooks/${encodeURIComponent(c.req.param("id"))}`);
    return c.redirect("/app/webhooks", 303);
  });

async function webhooksPage(
  c: Context<PageEnv>,
  { created, form }: Submission<WebhookCreated>,
): Promise<Response> {
  const cursor = c.req.query("cursor");
  const query = cursor === undefined ? "" : `?${new URLSearchParams({ cursor })}`;
  const [viewer, list] = await Promise.all([c.var.viewer(), c.var.api.get<WebhookList>(`/webhooks${query}`)]);
  return c.html(
    <WebhooksPage viewer={viewer} list={list} created={created} form={form} now={Date.now()} />,
    (form.problem?.status ?? 200) as 200,
  );
}
