import { WebhookEvent } from "@splatt/shared";
import { z } from "zod";
import { parseJson } from "./errors.ts";
import { lenient } from "./lenient.ts";

/** An older or a newer event is refused, so that a recorded request cannot be repeated later. */
const TOLERANCE_SECONDS = 300;
const SECRET_PREFIX = "whsec_";

type HeaderSource = Pick<Headers, "get"> | Readonly<Record<string, string | undefined>>;

/**
 * Verifies that an event was sent by Splatt, now (Standard Webhooks). Verify the body exactly as it was received,
 * before parsing it.
 *
 * @param secret `whsec_…`, as `POST /webhooks` or `GET /webhooks/callback-secret` returned it
 * @returns null when the signature is wrong or old. A newer control plane may send events of other types: ignore them
 */
export async function verifyWebhook(
  headers: HeaderSource,
  body: string,
  secret: string,
  nowMs = Date.now(),
): Promise<WebhookEvent | null> {
  const id = headerOf(headers, "webhook-id");
  const timestamp = headerOf(headers, "webhook-timestamp");
  const signatures = headerOf(headers, "webhook-signature");
  if (id === null || timestamp === null || signatures === null || !/^\d{1,12}$/.test(timestamp)) return null;
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return null;

  const key = await importKey(secret);
  const signed = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  for (const entry of signatures.split(" ")) {
    const [version, signature = ""] = entry.split(",", 2);
    const bytes = version === "v1" ? fromBase64(signature) : null;
    // In constant time.
    if (bytes !== null && (await crypto.subtle.verify("HMAC", key, bytes, signed))) return parse(body);
  }
  return null;
}

async function importKey(secret: string) {
  const bytes = fromBase64(secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret);
  if (bytes === null || bytes.length === 0) throw new Error("the secret of a webhook looks like whsec_…");
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

/** What every event has. */
const Envelope = z.object({
  type: z.string(),
  timestamp: z.string(),
  data: z.record(z.string(), z.unknown()),
});

function parse(body: string): WebhookEvent | null {
  const json = parseJson(body);
  const event = lenient(WebhookEvent).safeParse(json);
  if (event.success) return event.data;
  const unknown = Envelope.safeParse(json);
  return unknown.success ? (unknown.data as WebhookEvent) : null;
}

/** Frameworks differ in how they hold headers, and in their case. */
function headerOf(headers: HeaderSource, name: string): string | null {
  if (typeof headers.get === "function") return headers.get(name);
  const entry = Object.entries(headers).find(([key]) => key.toLowerCase() === name);
  return typeof entry?.[1] === "string" ? entry[1] : null;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}
