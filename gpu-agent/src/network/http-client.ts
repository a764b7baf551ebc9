import { Agent, type Dispatcher, Pool } from "undici";
import { type DialOptions, dial, dialProxy } from "./dial.ts";
import { type Endpoint, endpointOf, NO_PROXIES, proxyAuthorization, proxyFor } from "./proxies.ts";

/** Servers with long cookies, policies or signatures need more than Node's 16 KiB. */
const MAX_HEADER_BYTES = 256 * 1024;

/** An HTTP client whose connections are dialled as `options` say. */
export function httpClient(options: DialOptions = {}): Dispatcher {
  return new Agent({
    maxHeaderSize: MAX_HEADER_BYTES,
    allowH2: false,
    connect: connector((endpoint) => dial(endpoint, options)),
    factory: (origin, poolOptions) => {
      const url = new URL(origin);
      const proxy = proxyFor(endpointOf(url), options.proxies ?? NO_PROXIES);
      return url.protocol === "http:" && proxy !== null
        ? forwardingPool(url, proxy, options, poolOptions)
        : new Pool(origin, poolOptions);
    },
  });
}

/**
 * Plain http goes through a proxy as a request for the whole URL: many proxies open tunnels to port 443 only.
 */
function forwardingPool(origin: URL, proxy: URL, options: DialOptions, poolOptions: object): Dispatcher {
  const endpoint = endpointOf(origin);
  const pool = new Pool(proxy.origin, {
    ...poolOptions,
    connect: connector(async () => {
      await options.admit?.(endpoint, true);
      return dialProxy(proxy, options.resolve);
    }),
  });
  return pool.compose((dispatch) => (request, handler) => {
    const headers = { ...request.headers, host: origin.host, ...proxyAuthorization(proxy) };
    return dispatch({ ...request, path: `${origin.origin}${request.path}`, headers }, handler);
  });
}

type Connect = NonNullable<Extract<Agent.Options["connect"], (...args: never[]) => unknown>>;

function connector(open: (endpoint: Endpoint) => ReturnType<typeof dial>): Connect {
  return ({ protocol, hostname, port }, callback) => {
    open(endpointOf({ protocol, hostname, port })).then(
      (socket) => callback(null, socket),
      (error: Error) => callback(error, null),
    );
  };
}
