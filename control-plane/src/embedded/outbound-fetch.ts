import { UnreachableError } from "../webhooks/attempt.ts";
import { OUTBOUND_ERROR_HEADER } from "./store-protocol.ts";

/**
 * Sends through the launcher, which resolves names and connects to public addresses only: workerd would connect to
 * whatever a name resolves to.
 */
export function outboundFetch(launcher: Fetcher): typeof fetch {
  return async (input, init) => {
    const response = await launcher.fetch(input, init);
    const error = response.headers.get(OUTBOUND_ERROR_HEADER);
    if (error !== null) throw new UnreachableError(error);
    return response;
  };
}
