import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { deliveryId, parseDeliveryId } from "./delivery-id.ts";
import { retryAt } from "./retry-schedule.ts";
import { type AttemptOutcome, settlementOf } from "./settlement.ts";
import { newWebhookSecret, signedHeaders } from "./signature.ts";

describe("the retries", () => {
  it("are those that the documentation names", () => {
    const pauses = Array.from({ length: 9 }, (_, i) => retryAt(i + 1, 0));
    expect(pauses).toEqual(
      [5, 30, 300, 1800, 7200, 18_000, 36_000, 36_000].map((s) => s * 1000).concat([null as never]),
    );
  });
});

describe("an attempt", () => {
  it.each<[AttemptOutcome, object]>([
    [{ status: 200 }, { deliveredAt: 7, nextAttemptAt: null, attempts: 1, error: null }],
    [{ status: 299 }, { deliveredAt: 7, nextAttemptAt: null, attempts: 1 }],
    [{ status: 199 }, { deliveredAt: null, nextAttemptAt: 5007 }],
    [{ status: 300 }, { deliveredAt: null, nextAttemptAt: 5007, responseStatus: 300 }],
    [{ status: 410 }, { deliveredAt: null, nextAttemptAt: null, responseStatus: 410 }],
    [{ status: 500 }, { deliveredAt: null, nextAttemptAt: 5007 }],
    [{ unreachable: "why" }, { deliveredAt: null, nextAttemptAt: 5007, responseStatus: null, error: "why" }],
    [{ dropped: "why" }, { deliveredAt: null, nextAttemptAt: null, attempts: 0, error: "why" }],
  ])("that ends with %j", (outcome, expected) => {
    expect(settlementOf(outcome, 0, 7)).toMatchObject(expected);
  });
});

describe("a signature", () => {
  const now = Date.now();
  const body = JSON.stringify({ text: "für 日本 😀" });

  it("is verified by the reference implementation, with its own secret only", async () => {
    const secret = newWebhookSecret();
    const headers = await signedHeaders(secret, "an-id", now, body);
    expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
    expect(() => new Webhook(newWebhookSecret()).verify(body, headers)).toThrow();
    expect(() => new Webhook(secret).verify(`${body} `, headers)).toThrow();
  });
});

describe("a delivery's id", () => {
  const key = { subject: crypto.randomUUID(), sequence: 12, receiver: crypto.randomUUID() };

  it("names its row, and has no full stop, which the signed text is divided by", () => {
    expect(parseDeliveryId(deliveryId(key))).toEqual(key);
    expect(deliveryId(key)).not.toContain(".");
  });

  it.each(["", "x", `${key.subject}_12`, `${key.subject}_-1_${key.receiver}`, `${deliveryId(key)} `])(
    "%j is none",
    (text) => expect(parseDeliveryId(text)).toBeNull(),
  );
});
