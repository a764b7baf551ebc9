import ipaddr from "ipaddr.js";
import { z } from "zod";

/** Which connections go through a proxy, and which bypass it. */
export interface ProxySettings {
  readonly http: URL | null;
  readonly https: URL | null;
  /** Entries of NO_PROXY. */
  readonly bypass: readonly string[];
}

export const NO_PROXIES: ProxySettings = { http: null, https: null, bypass: [] };

const ProxyAddress = z.string().transform((text, context) => {
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url !== null && ["http:", "https:"].includes(url.protocol) && url.hostname !== "") return url;
  context.addIssue({
    code: "custom",
    message: "must be the address of an HTTP proxy, as in http://proxy.example.com:3128",
  });
  return z.NEVER;
});

const proxyAddress = z.preprocess((value) => value || undefined, ProxyAddress.nullable().default(null));

/** The proxy variables of the environment, as curl and most other programs use them. */
export const ProxyEnvironment = z.object({
  /** The proxy for https and WebSocket connections. */
  HTTPS_PROXY: proxyAddress,
  /** The proxy for http connections. */
  HTTP_PROXY: proxyAddress,
  /** The proxy when neither of the two is set. */
  ALL_PROXY: proxyAddress,
  /** Hosts that bypass the proxy: names with their subdomains, addresses, networks, each with an optional port. */
  NO_PROXY: z.string().default(""),
});
export type ProxyEnvironment = z.infer<typeof ProxyEnvironment>;

export const PROXY_VARIABLES = Object.keys(ProxyEnvironment.shape);

type Environment = Readonly<Record<string, string | undefined>>;

/** Copies the lower-case proxy variables to the upper-case names; lower case takes precedence, as in curl. */
export function withProxyVariables(environment: Environment): Environment {
  const values = PROXY_VARIABLES.map((name) => [name, environment[name.toLowerCase()] || environment[name]]);
  return { ...environment, ...Object.fromEntries(values) };
}

export function toProxySettings(environment: ProxyEnvironment): ProxySettings {
  return {
    http: environment.HTTP_PROXY ?? environment.ALL_PROXY,
    https: environment.HTTPS_PROXY ?? environment.ALL_PROXY,
    bypass: environment.NO_PROXY.split(/[\s,]+/).filter((entry) => entry !== ""),
  };
}

/** The target of a connection, in URL notation: IPv6 addresses in brackets. */
export interface Endpoint {
  readonly protocol: string;
  readonly hostname: string;
  readonly port: number;
}

export function endpointOf({
  protocol,
  hostname,
  port,
}: Pick<URL, "protocol" | "hostname" | "port">): Endpoint {
  return { protocol, hostname, port: Number(port) || (isSecure(protocol) ? 443 : 80) };
}

export function isSecure(protocol: string): boolean {
  return protocol === "https:" || protocol === "wss:";
}

/** @returns the proxy for a connection; null for a direct one, as always to this machine */
export function proxyFor(endpoint: Endpoint, settings: ProxySettings): URL | null {
  const proxy = isSecure(endpoint.protocol) ? settings.https : settings.http;
  if (proxy === null || isLoopback(endpoint.hostname)) return null;
  return settings.bypass.some((entry) => bypasses(entry, endpoint)) ? null : proxy;
}

/** A proxy's address without credentials, for logs and the doctor. */
export function proxyName(proxy: URL): string {
  return `${proxy.protocol === "https:" ? "https://" : ""}${proxy.host}`;
}

export function proxyAuthorization({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(credentials).toString("base64")}` };
}

function isLoopback(hostname: string): boolean {
  const host = bareHost(hostname);
  if (host === "localhost" || host.endsWith(".localhost")) return true;
  return ipaddr.isValid(host) && ipaddr.process(host).range() === "loopback";
}

function bypasses(entry: string, { hostname, port }: Endpoint): boolean {
  const parts = /^(\[[^\]]+\]|[^:]+|[^\]]*:[^\]]*:[^\]]*?)(?::(\d+))?$/.exec(entry.toLowerCase());
  if (parts?.[1] === undefined) return false;
  if (parts[2] !== undefined && Number(parts[2]) !== port) return false;
  const host = bareHost(hostname);
  const pattern = bareHost(parts[1]).replace(/^\*?\./, "");
  if (pattern === "*") return true;
  if (ipaddr.isValid(host)) return isInNetwork(host, pattern);
  const isSubdomain = host.endsWith(`.${pattern}`);
  return isSubdomain || (host === pattern && !parts[1].startsWith("*."));
}

/** @param network an address, or a network as in 10.0.0.0/8 */
function isInNetwork(address: string, network: string): boolean {
  const parsed = ipaddr.process(address);
  if (ipaddr.isValid(network)) return ipaddr.process(network).toString() === parsed.toString();
  if (!ipaddr.isValidCIDR(network)) return false;
  const [base, bits] = ipaddr.parseCIDR(network);
  return base.kind() === parsed.kind() && parsed.match(base, bits);
}

function bareHost(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "");
}
