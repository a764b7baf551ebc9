import {
  isAllowedHost,
  parseSourceUrl,
  readSourcePolicy,
  refusedByPolicy,
  type SourcePolicy,
} from "@splatt/shared";
import type { Env } from "../env.ts";
import { ApiError } from "../http/problem.ts";

/**
 * Why nothing is sent to a receiver's address, or null. The same rules as for the addresses of videos, and one more:
 * only the scheme's own port. They hold when the address is given and again at every attempt.
 */
export function refusedReceiver(text: string, policy: SourcePolicy): string | null {
  const parsed = parseSourceUrl(text);
  if (!parsed.ok) return parsed.error;
  const url = parsed.value;
  if (url.port !== "" && !isAllowedHost(url, policy)) {
    return `Webhooks go to the usual port only. List ${url.host} in ALLOW_HOSTS to allow port ${url.port}.`;
  }
  return refusedByPolicy(url, policy);
}

/** Answers 422 for an address that no webhook may be sent to. */
export function requireReceiver(env: Env, field: "url" | "callback_url", url: string): void {
  const refusal = refusedReceiver(url, readSourcePolicy(env));
  if (refusal === null) return;
  throw new ApiError("invalid_request", [{ loc: ["body", field], msg: refusal, type: "value_error" }]);
}
