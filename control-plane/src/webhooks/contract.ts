import {
  CallbackSecret,
  CreateWebhook,
  DeliveryList,
  DeliveryView,
  ListDeliveriesQuery,
  ListPageQuery,
  Message,
  WebhookCreated,
  WebhookList,
  WebhookView,
} from "@splatt/shared";
import type { Operation } from "../contract/operation.ts";

export const CREATE_WEBHOOK: Operation = {
  id: "createWebhook",
  method: "post",
  path: "/webhooks",
  tag: "Webhooks",
  summary: "Subscribe a URL to the events of jobs and to alarms",
  description:
    "It receives the events of the jobs that the API key may see. The events `agent.*` need the scope `agents`. Only this answer contains the signing secret.",
  scope: "jobs:read",
  creates: true,
  body: CreateWebhook,
  example: { url: "https://hooks.example.com/splatt", events: ["job.completed", "job.failed"] },
  answers: { 200: WebhookCreated },
  problems: ["too_many_webhooks"],
};

export const LIST_WEBHOOKS: Operation = {
  id: "listWebhooks",
  method: "get",
  path: "/webhooks",
  tag: "Webhooks",
  summary: "List the API key's webhooks, newest first",
  description: "A key with the scope admin sees those of every key.",
  scope: "jobs:read",
  query: ListPageQuery,
  answers: { 200: WebhookList },
  problems: [],
};

export const GET_CALLBACK_SECRET: Operation = {
  id: "getCallbackSecret",
  method: "get",
  path: "/webhooks/callback-secret",
  tag: "Webhooks",
  summary: "The secret that signs the events sent to callback_url",
  description: "One secret for all jobs of the API key.",
  scope: "jobs:write",
  answers: { 200: CallbackSecret },
  problems: [],
};

export const GET_WEBHOOK: Operation = {
  id: "getWebhook",
  method: "get",
  path: "/webhooks/{id}",
  tag: "Webhooks",
  summary: "A webhook, and whether its receiver works",
  scope: "jobs:read",
  answers: { 200: WebhookView },
  problems: ["webhook_not_found"],
};

export const DELETE_WEBHOOK: Operation = {
  id: "deleteWebhook",
  method: "delete",
  path: "/webhooks/{id}",
  tag: "Webhooks",
  summary: "Delete a webhook, with what it has yet to deliver",
  scope: "jobs:read",
  answers: { 200: Message },
  problems: ["webhook_not_found"],
};

export const LIST_DELIVERIES: Operation = {
  id: "listWebhookDeliveries",
  method: "get",
  path: "/webhooks/{id}/deliveries",
  tag: "Webhooks",
  summary: "What a webhook has delivered and has yet to deliver, newest first",
  description: "The history goes back 30 days.",
  scope: "jobs:read",
  query: ListDeliveriesQuery,
  answers: { 200: DeliveryList },
  problems: ["webhook_not_found"],
};

export const TEST_WEBHOOK: Operation = {
  id: "testWebhook",
  method: "post",
  path: "/webhooks/{id}/test",
  tag: "Webhooks",
  summary: "Send a test event",
  description: "A webhook that was switched off is switched on again when the test succeeds.",
  scope: "jobs:read",
  answers: { 200: DeliveryView },
  problems: ["webhook_not_found"],
};

export const LIST_JOB_DELIVERIES: Operation = {
  id: "listJobDeliveries",
  method: "get",
  path: "/jobs/{id}/deliveries",
  tag: "Webhooks",
  summary: "The webhook deliveries about a job, in the order of its events",
  description: "Those to its callback_url, and those of the API key's own webhooks.",
  scope: "jobs:read",
  answers: { 200: DeliveryList },
  problems: ["job_not_found"],
};

export const REDELIVER: Operation = {
  id: "redeliver",
  method: "post",
  path: "/deliveries/{id}/redeliver",
  tag: "Webhooks",
  summary: "Deliver an event once more",
  description: "At once, with the same id, and with all retries if it fails.",
  scope: "jobs:read",
  answers: { 200: DeliveryView },
  problems: ["delivery_not_found"],
};
