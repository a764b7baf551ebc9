import { setTimeout as sleep } from "node:timers/promises";
import { isAllowedHost, refusedAddress, type SourcePolicy } from "@splatt/shared";
import { type Admit, addressesOf, type Resolve, resolveName } from "../../network/dial.ts";
import type { Address } from "../../network/happy-eyeballs.ts";
import { type Endpoint, NO_PROXIES, type ProxySettings } from "../../network/proxies.ts";
import { type TolerantClient, tolerantClient } from "../../network/tolerant-client.ts";

/** Nothing was sent: the name resolves to an address that the policy refuses. */
export class RefusedAddressError extends Error {
  override readonly name = "RefusedAddressError";
}

/** The time limit for resolving a name that only the proxy must know. */
const PROXIED_LOOKUP_MS = 5000;

/**
 * An HTTP client that connects only to public addresses and to the hosts that the policy allows.
 *
 * Each new connection resolves its name once, is refused if any address is not public, and connects to exactly the
 * addresses that were checked. So DNS rebinding gains nothing, and neither does a caller that did not check the URL.
 *
 * Behind a proxy, the proxy resolves names and connects. Private addresses in URLs and names that resolve to private
 * addresses here are still refused; a name that this machine cannot resolve is left to the proxy.
 */
export function guardedClient(
  policy: SourcePolicy,
  {
    proxies = NO_PROXIES,
    resolve = resolveName,
  }: { readonly proxies?: ProxySettings; readonly resolve?: Resolve } = {},
): TolerantClient {
  return tolerantClient({ proxies, resolve, admit: publicOnly(policy, resolve) });
}

function publicOnly(policy: SourcePolicy, resolve: Resolve): Admit {
  return async (endpoint, viaProxy) => {
    const isAllowed = isAllowedHost({ ...endpoint, port: String(endpoint.port) }, policy);
    if (isAllowed && viaProxy) return [];
    const addresses = await (viaProxy
      ? Promise.race([
          addressesOf(endpoint, resolve).catch(() => []),
          sleep(PROXIED_LOOKUP_MS, [], { ref: false }),
        ])
      : addressesOf(endpoint, resolve));
    const refusal = isAllowed ? null : refusalOf(endpoint, addresses);
    if (refusal !== null && !(viaProxy && addresses.length === 0)) throw new RefusedAddressError(refusal);
    return addresses;
  };
}

function refusalOf({ hostname }: Endpoint, addresses: readonly Address[]): string | null {
  if (addresses.length === 0) return `${hostname} has no address.`;
  const reason = addresses.map(({ address }) => refusedAddress(address)).find((found) => found !== null);
  return reason === undefined ? null : `${hostname} resolves to ${reason}.`;
}
