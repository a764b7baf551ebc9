import { lookup } from "node:dns/promises";
import { request } from "node:http";
import { isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { errorText } from "@splatt/shared";
import { type Address, connectToAny } from "./happy-eyeballs.ts";
import {
  type Endpoint,
  endpointOf,
  isSecure,
  NO_PROXIES,
  type ProxySettings,
  proxyAuthorization,
  proxyFor,
  proxyName,
} from "./proxies.ts";

/** Finds all addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly Address[]>;

/**
 * Resolves the addresses to connect to for an endpoint, or throws when the endpoint is forbidden. The result is unused
 * when a proxy makes the connection.
 */
export type Admit = (endpoint: Endpoint, viaProxy: boolean) => Promise<readonly Address[]>;

export interface DialOptions {
  readonly proxies?: ProxySettings;
  /** By default every endpoint may be reached. */
  readonly admit?: Admit;
  readonly resolve?: Resolve;
  readonly signal?: AbortSignal;
}

/** The proxy is unreachable or refuses the request. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  readonly code = "ERR_PROXY";
  /** The proxy's HTTP status; null when it did not answer. */
  readonly status: number | null;

  constructor(message: string, status: number | null) {
    super(message);
    this.status = status;
  }
}

/** Covers name resolution, TCP, the proxy's answer and TLS together. */
const CONNECT_TIMEOUT_MS = 30_000;
const MAX_PROXY_HEADER_BYTES = 64 * 1024;

/**
 * Opens a connection to an endpoint, through the configured proxy if any, and with TLS if its protocol requires it. For
 * all of the agent's connections: control plane, WebSocket and videos.
 */
export async function dial(endpoint: Endpoint, options: DialOptions = {}): Promise<Socket> {
  const { proxies = NO_PROXIES, resolve = resolveName } = options;
  const timeout = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  try {
    const proxy = proxyFor(endpoint, proxies);
    const admitted = await options.admit?.(endpoint, proxy !== null);
    const socket =
      proxy === null
        ? await connectToAny(admitted ?? (await addressesOf(endpoint, resolve)), endpoint.port, { signal })
        : await openTunnel(proxy, await dialProxy(proxy, resolve, signal), endpoint, signal);
    return isSecure(endpoint.protocol) ? await startTls(socket, endpoint.hostname, signal) : socket;
  } catch (error) {
    if (!timeout.aborted) throw error;
    throw Object.assign(new Error("The connection timed out"), { code: "ETIMEDOUT" });
  }
}

/** Connects to the proxy itself. @throws {ProxyError} */
export async function dialProxy(
  proxy: URL,
  resolve: Resolve = resolveName,
  signal: AbortSignal = AbortSignal.timeout(CONNECT_TIMEOUT_MS),
): Promise<Socket> {
  try {
    const endpoint = endpointOf(proxy);
    const socket = await connectToAny(await addressesOf(endpoint, resolve), endpoint.port, { signal });
    return isSecure(proxy.protocol) ? await startTls(socket, proxy.hostname, signal) : socket;
  } catch (error) {
    throw new ProxyError(`The proxy ${proxyName(proxy)} cannot be reached: ${errorText(error)}`, null);
  }
}

/** The addresses of an endpoint: the one in it, or those of its name. */
export async function addressesOf({ hostname }: Endpoint, resolve: Resolve): Promise<readonly Address[]> {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const family = isIP(host);
  return family === 0 ? resolve(host) : [{ address: host, family }];
}

export function resolveName(hostname: string): Promise<readonly Address[]> {
  return lookup(hostname, { all: true });
}

/** Asks the proxy at the other end of `socket` for a connection to `endpoint`. */
function openTunnel(proxy: URL, socket: Socket, endpoint: Endpoint, signal: AbortSignal): Promise<Socket> {
  const authority = `${endpoint.hostname}:${endpoint.port}`;
  return new Promise((resolve, reject) => {
    const connecting = request({
      method: "CONNECT",
      path: authority,
      headers: { host: authority, connection: "keep-alive", ...proxyAuthorization(proxy) },
      maxHeaderSize: MAX_PROXY_HEADER_BYTES,
      createConnection: () => socket,
      signal,
    });
    connecting.once("connect", ({ statusCode = 0 }, tunnel, head) => {
      if (statusCode < 200 || statusCode > 299) {
        tunnel.on("error", () => undefined).destroy();
        const what = statusCode === 407 ? "rejects the user name and password" : "refuses the connection";
        reject(new ProxyError(`The proxy ${proxyName(proxy)} ${what} (${statusCode})`, statusCode));
        return;
      }
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    connecting.once("error", (error) => {
      socket.on("error", () => undefined).destroy();
      if (signal.aborted) reject(signal.reason);
      else reject(new ProxyError(`The proxy ${proxyName(proxy)} broke off: ${errorText(error)}`, null));
    });
    connecting.end();
  });
}

function startTls(socket: Socket, hostname: string, signal: AbortSignal): Promise<Socket> {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve, reject) => {
    const secured = connectTls({
      socket,
      host,
      ...(isIP(host) === 0 ? { servername: host.replace(/\.$/, "") } : {}),
      ALPNProtocols: ["http/1.1"],
    });
    const settle = () => signal.removeEventListener("abort", onAbort);
    const onAbort = () => {
      secured.destroy();
      socket.destroy();
      reject(signal.reason);
    };
    const onError = (error: Error) => {
      settle();
      socket.destroy();
      reject(error);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    secured.once("error", onError);
    secured.once("secureConnect", () => {
      settle();
      secured.off("error", onError);
      resolve(secured);
    });
  });
}
