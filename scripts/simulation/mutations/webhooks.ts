import { ADDITIONS, type Mutation } from "./mutation.ts";

/** Webhooks. */
export const WEBHOOK_MUTATIONS: readonly Mutation[] = [
  {
    name: "webhook-not-retried",
    is: "a webhook that its receiver did not take is given up",
    found: 110,
    changes: [
      {
        file: "control-plane/src/webhooks/settlement.ts",
        search: "isGone(outcome) ? null : retryAt(tried, now)",
        replace: "responseStatus !== null ? null : retryAt(tried, now)",
      },
    ],
  },
  {
    name: "webhooks-not-found-again",
    is: "webhooks whose sender was not woken, or died, stay in the outbox",
    found: 55,
    changes: [
      {
        file: "control-plane/src/maintenance/scheduled.ts",
        search: ".finally(() => deliverMissedWebhooks(env, db))",
        replace: "",
      },
    ],
  },
  {
    name: "webhook-changes",
    is: "the attempts to deliver a webhook do not say the same",
    found: 7,
    changes: [
      {
        file: "control-plane/src/webhooks/event-body.ts",
        search: "const timestamp = offsetUtc(createdAt);",
        replace: "const timestamp = offsetUtc(Date.now() + 0 * createdAt);",
      },
    ],
  },
  {
    name: "webhook-without-change",
    is: "a webhook reports the status that its job had before",
    found: 9,
    changes: [
      {
        file: ADDITIONS,
        search: "json_object('task_id', NEW.task_id, 'status', NEW.status,",
        replace: "json_object('task_id', NEW.task_id, 'status', OLD.status,",
      },
    ],
  },
  {
    name: "webhook-started-once",
    is: "the start of a job's later attempts is not told",
    found: 87,
    changes: [
      {
        file: ADDITIONS,
        search: "AND told.event = 'job.started' AND told.payload ->> '$.attempt' = NEW.attempt",
        replace: "AND told.event = 'job.started'",
      },
    ],
  },
  {
    name: "webhooks-of-registered-lost",
    is: "a registered webhook is told only of jobs that have a callback_url",
    found: 5,
    changes: [
      {
        file: ADDITIONS,
        search: "AND (NEW.callback IS NOT NULL OR EXISTS (SELECT 1 FROM webhooks))",
        replace: "AND NEW.callback IS NOT NULL",
      },
    ],
  },
  {
    name: "settles-other-receiver",
    is: "what one receiver has confirmed counts as delivered to all",
    found: 25,
    changes: [
      {
        file: "control-plane/src/webhooks/outbox.ts",
        search: `    eq(webhookDeliveries.sequence, sequence),
    eq(webhookDeliveries.receiver, receiver),`,
        replace:
          "    eq(webhookDeliveries.sequence, sequence),\n    receiver === '' ? undefined : undefined,",
      },
    ],
  },
];
