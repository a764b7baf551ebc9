import { Webhook } from "standardwebhooks";
import { expect, it } from "vitest";
import { verifyWebhook } from "./index.ts";

const SECRET = `whsec_${Buffer.from("a secret of some bytes, as any other").toString("base64")}`;
const OTHER = `whsec_${Buffer.from("another secret").toString("base64")}`;
const EVENT = {
  type: "webhook.test",
  timestamp: "2026-11-28T06:00:00+00:00",
  data: { webhook_id: "7dc34a22-9c2e-4bfb-93e4-8c79a2566f85" },
};
const BODY = JSON.stringify(EVENT);

/** Signed by the reference implementation. */
function signed(body = BODY, at = new Date(), secret = SECRET): Record<string, string> {
  return {
    "webhook-id": "an-id",
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign("an-id", at, body),
  };
}

it("accepts what the reference implementation signed, in any kind of headers", async () => {
  const headers = signed();
  expect(await verifyWebhook(headers, BODY, SECRET)).toEqual(EVENT);
  expect(await verifyWebhook(new Headers(headers), BODY, SECRET)).toEqual(EVENT);
  const upper = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
  );
  expect(await verifyWebhook(upper, BODY, SECRET)).toEqual(EVENT);
  const several = { ...headers, "webhook-signature": `v1a,AAAA v1,AAAA ${headers["webhook-signature"]}` };
  expect(await verifyWebhook(several, BODY, SECRET)).toEqual(EVENT);
});

const minutes = (count: number) => new Date(Date.now() + count * 60_000);

it.each<[string, Record<string, string>, string]>([
  ["another body", signed(), BODY.replace("test", "tost")],
  ["another secret", signed(BODY, new Date(), OTHER), BODY],
  ["another id", { ...signed(), "webhook-id": "another" }, BODY],
  ["another time", { ...signed(), "webhook-timestamp": String(Math.floor(Date.now() / 1000) - 1) }, BODY],
  ["an old event", signed(BODY, minutes(-6)), BODY],
  ["an event of the future", signed(BODY, minutes(6)), BODY],
  ["no signature", { ...signed(), "webhook-signature": "" }, BODY],
  [
    "a signature of another version",
    { ...signed(), "webhook-signature": signed()["webhook-signature"]?.replace("v1", "v2") ?? "" },
    BODY,
  ],
  ["a broken signature", { ...signed(), "webhook-signature": "v1,%%%" }, BODY],
  ["a broken time", { ...signed(), "webhook-timestamp": "now" }, BODY],
  ["no headers", {}, BODY],
  ["a body that is no event", signed("[]"), "[]"],
  ["a body that is no JSON", signed("x"), "x"],
])("refuses %s", async (_, headers, body) => {
  expect(await verifyWebhook(headers, body, SECRET)).toBeNull();
});

it("passes on events of a newer control plane", async () => {
  const event = { type: "job.archived", timestamp: EVENT.timestamp, data: { job_id: "a" } };
  const body = JSON.stringify(event);
  expect(await verifyWebhook(signed(body), body, SECRET)).toEqual(event);
});

it("says when the secret is none", async () => {
  await expect(verifyWebhook(signed(), BODY, "whsec_%%")).rejects.toThrow("whsec_");
});
