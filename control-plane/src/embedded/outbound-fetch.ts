import { UnreachableError } from "../webhooks/attempt.ts";
import type { SendWebhook } from "../webhooks/send-webhook.ts";
import { OUTBOUND_ERROR_HEADER, OUTBOUND_KEY_HEADER } from "./store-protocol.ts";

/**
 * Sends through the launcher, which resolves names and connects to public addresses only: workerd would connect to
 * whatever a name resolves to.
 */
export function outboundFetch(launcher: Fetcher): SendWebhook {
  return async (keyId, url, init) => {
    const headers = { ...init.headers, [OUTBOUND_KEY_HEADER]: keyId ?? "" };
    const response = await launcher.fetch(url, { ...init, headers });
    const error = response.headers.get(OUTBOUND_ERROR_HEADER);
    if (error !== null) throw new UnreachableError(error);
    return response;
  };
}
