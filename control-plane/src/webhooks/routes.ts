import {
  CreateWebhook,
  type DeliveryList,
  isAlarmEvent,
  ListDeliveriesQuery,
  ListPageQuery,
  type WebhookCreated,
  type WebhookList,
} from "@splatt/shared";
import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { database } from "../db/database.ts";
import { ApiError } from "../http/problem.ts";
import { publicUrl } from "../http/public-url.ts";
import { idParam, readJson, readQuery, validate } from "../http/validate.ts";
import { findJob } from "../jobs/find-job.ts";
import { requireScope } from "../keys/principal.ts";
import { callbackSecret } from "./callback.ts";
import {
  CREATE_WEBHOOK,
  DELETE_WEBHOOK,
  GET_CALLBACK_SECRET,
  GET_WEBHOOK,
  LIST_DELIVERIES,
  LIST_JOB_DELIVERIES,
  LIST_WEBHOOKS,
  REDELIVER,
  TEST_WEBHOOK,
} from "./contract.ts";
import { requireReceiver } from "./receiver-url.ts";
import { toDeliveryView, toWebhookView } from "./views.ts";
import { wakeSenders } from "./wake.ts";
import {
  createWebhook,
  deleteWebhook,
  deliveriesOfJob,
  findDelivery,
  findWebhook,
  type HistoryPlace,
  listWebhooks,
  makeDue,
  newWebhook,
  pastDeliveries,
  pendingDeliveries,
  recordTest,
} from "./webhooks.ts";

/** The first page lists no more of those that are not delivered yet. */
const MOST_PENDING = 100;

export const webhookRoutes = new Hono<ApiEnv>()
  .post("/", serve(CREATE_WEBHOOK), async (c) => {
    const body = validate(CreateWebhook, await readJson(c), "body");
    if (body.events.some(isAlarmEvent)) requireScope(c.get("principal"), "agents");
    requireReceiver(c.env, "url", body.url);
    const apiUrl = publicUrl(c.env, c.req.url, "");
    const db = database(c.env.DB);
    const webhook = newWebhook(body, c.get("principal"), apiUrl);
    const created: WebhookCreated = {
      ...toWebhookView(webhook),
      secret: webhook.secret,
    };
    return createWebhook(db, c.get("principal"), c.get("creation"), webhook, c.json(created));
  })

  .get("/", serve(LIST_WEBHOOKS), async (c) => {
    const query = validate(ListPageQuery, readQuery(c), "query");
    const { page, nextCursor } = await listWebhooks(database(c.env.DB), c.get("principal"), query);
    const list: WebhookList = { webhooks: page.map(toWebhookView), next_cursor: nextCursor };
    return c.json(list);
  })

  .get("/callback-secret", serve(GET_CALLBACK_SECRET), async (c) => {
    const secret = await callbackSecret(database(c.env.DB), c.get("principal").keyId);
    return c.json({ secret });
  })

  .get("/:id", serve(GET_WEBHOOK), async (c) => {
    return c.json(toWebhookView(await findWebhook(database(c.env.DB), idParam(c), c.get("principal"))));
  })

  .delete("/:id", serve(DELETE_WEBHOOK), async (c) => {
    const db = database(c.env.DB);
    const principal = c.get("principal");
    await deleteWebhook(db, principal, await findWebhook(db, idParam(c), principal));
    return c.json({ message: "Webhook deleted" });
  })

  .get("/:id/deliveries", serve(LIST_DELIVERIES), async (c) => {
    const { limit, cursor } = validate(ListDeliveriesQuery, readQuery(c), "query");
    const db = database(c.env.DB);
    const { id } = await findWebhook(db, idParam(c), c.get("principal"));
    const before = cursor === undefined ? null : parseCursor(cursor);
    const found = await pastDeliveries(db, id, limit + 1, before);
    const page = found.slice(0, limit);
    const last = found.length > limit ? page.at(-1) : undefined;
    const pending = before === null ? await pendingDeliveries(db, id, MOST_PENDING) : [];
    const list: DeliveryList = {
      deliveries: [...pending, ...page].map(toDeliveryView),
      next_cursor: last === undefined ? null : `${last.createdAt}_${last.subject}_${last.sequence}`,
    };
    return c.json(list);
  })

  .post("/:id/test", serve(TEST_WEBHOOK), async (c) => {
    const db = database(c.env.DB);
    const webhook = await findWebhook(db, idParam(c), c.get("principal"));
    const test = await recordTest(db, webhook);
    c.executionCtx.waitUntil(wakeSenders(c.env, [webhook.id]));
    return c.json(toDeliveryView(test));
  });

export const deliveryRoutes = new Hono<ApiEnv>().post("/:id/redeliver", serve(REDELIVER), async (c) => {
  const db = database(c.env.DB);
  const delivery = await findDelivery(db, idParam(c), c.get("principal"));
  const again = await makeDue(db, delivery);
  c.executionCtx.waitUntil(wakeSenders(c.env, [again.receiver]));
  return c.json(toDeliveryView(again));
});

export const jobDeliveryRoutes = new Hono<ApiEnv>().get(
  "/:id/deliveries",
  serve(LIST_JOB_DELIVERIES),
  async (c) => {
    const { id } = await findJob(c);
    const deliveries = await deliveriesOfJob(database(c.env.DB), id, c.get("principal"));
    const list: DeliveryList = { deliveries: deliveries.map(toDeliveryView), next_cursor: null };
    return c.json(list);
  },
);

function parseCursor(cursor: string): HistoryPlace {
  const [, createdAt, subject, sequence] = /^(\d{1,15})_([0-9a-f-]{36})_(\d{1,9})$/.exec(cursor) ?? [];
  if (createdAt === undefined || subject === undefined || sequence === undefined) {
    const msg = "must be the next_cursor of another page";
    throw new ApiError("invalid_request", [{ loc: ["query", "cursor"], msg, type: "value_error" }]);
  }
  return { createdAt: Number(createdAt), subject, sequence: Number(sequence) };
}
