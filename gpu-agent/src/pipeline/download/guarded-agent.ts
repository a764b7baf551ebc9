import { lookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { isAllowedHost, refusedAddress, type SourcePolicy } from "@splatt/shared";
import { Agent, buildConnector, type Dispatcher } from "undici";

/** Finds all addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly { address: string; family: number }[]>;

/** Nothing was sent: the name leads to an address that the policy refuses. */
export class RefusedAddressError extends Error {
  override readonly name = "RefusedAddressError";
}

const CONNECT_TIMEOUT_MS = 30_000;

/**
 * An HTTP client that connects to public addresses only, besides the hosts that the policy allows.
 *
 * Each new connection looks its name up once, refuses it if any of the answers is not public, and connects to
 * exactly the addresses that were checked. A name that answers differently a moment later (DNS rebinding)
 * gains nothing, and neither does a caller that forgot to check the URL.
 */
export function guardedAgent(policy: SourcePolicy, resolve: Resolve = resolveAll): Dispatcher {
  const open = buildConnector({ timeout: CONNECT_TIMEOUT_MS, allowH2: false });
  const guarded = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    allowH2: false,
    lookup: checkedLookup(resolve),
  });
  return new Agent({
    allowH2: false,
    connect: (options, callback) => {
      if (isAllowedHost({ ...options, protocol: options.protocol }, policy)) {
        open(options, callback);
        return;
      }
      const host = options.hostname.replace(/^\[(.*)\]$/, "$1");
      const reason = isIP(host) === 0 ? null : refusedAddress(host);
      if (reason !== null) {
        callback(new RefusedAddressError(`${host} is ${reason}.`), null);
        return;
      }
      guarded(options, (...[error, socket]) => {
        if (error !== null) {
          callback(error, null);
          return;
        }
        // What was connected to is what counts; this holds even if the above were wrong one day.
        const remote = refusedAddress(socket.remoteAddress ?? "");
        if (remote === null) {
          callback(null, socket);
          return;
        }
        socket.destroy();
        callback(new RefusedAddressError(`${host} leads to ${remote}.`), null);
      });
    },
  });
}

function checkedLookup(resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const refused = addresses
          .map(({ address }) => refusedAddress(address))
          .find((reason) => reason !== null);
        const first = addresses[0];
        if (refused !== undefined || !first) {
          const why = refused === undefined ? "has no address" : `leads to ${refused}`;
          callback(new RefusedAddressError(`${hostname} ${why}.`), "");
        } else if (options.all) {
          callback(null, [...addresses]);
        } else {
          callback(null, first.address, first.family);
        }
      },
      (error: NodeJS.ErrnoException) => callback(error, ""),
    );
  };
}

function resolveAll(hostname: string): Promise<readonly { address: string; family: number }[]> {
  return lookup(hostname, { all: true });
}
