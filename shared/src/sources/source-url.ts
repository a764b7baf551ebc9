import { type Failure, failure } from "../failures.ts";
import { err, ok, type Result } from "../result.ts";
import { refusedAddress } from "./public-address.ts";

/**
 * Which addresses a video may be fetched from. Anybody who may send a job names an address, and the agent
 * fetches it from inside somebody's network: without these rules a job could read what only that network
 * should reach (server-side request forgery). The control plane applies them to each new job, the agent to
 * each job and each redirect.
 */
export interface SourcePolicy {
  /** Plain http as well as https. */
  readonly allowHttp: boolean;
  /**
   * `host` or `host:port` names that are fetched from wherever they resolve to, for networks with a file
   * server of their own. IPv6 addresses in brackets.
   */
  readonly allowHosts: readonly string[];
}

/** Names that are never on the public internet (RFC 6761, RFC 6762, RFC 8375, and customs of cloud providers). */
const PRIVATE_SUFFIXES = [
  "localhost",
  "local",
  "localdomain",
  "internal",
  "intranet",
  "lan",
  "home",
  "corp",
  "private",
  "home.arpa",
  "in-addr.arpa",
  "ip6.arpa",
  "test",
  "example",
  "invalid",
  "onion",
];

/** Ports below need privileges: mail and shells are there. A public server may well be above. */
const FIRST_UNPRIVILEGED_PORT = 1024;
/** Databases, caches and orchestrators that talk to anybody who connects. */
const REFUSED_PORTS = new Set([
  1433, 1521, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 5432, 5900, 5984, 6379, 6443, 6667, 9042, 9092, 9200,
  9300, 10250, 11211, 27017,
]);

const MAX_URL_CHARS = 4096;
const MAX_NAME_CHARS = 253;
const MAX_LABEL_CHARS = 63;

/**
 * Reads a URL as browsers do (WHATWG URL standard): spaces and other characters outside ASCII are encoded,
 * and white space around it is dropped. What different programs read differently is refused.
 *
 * @param from the URL that a relative one is resolved against
 * @returns the URL without its fragment, or a sentence that says what is wrong with it
 */
export function parseSourceUrl(text: string, from?: URL): Result<URL, string> {
  const trimmed = text.trim();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (/[\u0000-\u001f\u007f\\]/.test(trimmed))
    return err("It must not contain control characters or backslashes.");
  if (!URL.canParse(trimmed, from?.href)) return err("It is not a URL.");
  const url = new URL(trimmed, from);
  url.hash = "";
  if (url.protocol !== "https:" && url.protocol !== "http:") return err("It must be an http(s) URL.");
  if (url.href.length > MAX_URL_CHARS) return err(`It is longer than ${MAX_URL_CHARS} characters.`);
  if (!isHostName(url.hostname)) return err("Its host name is longer than names can be.");
  if (url.username !== "" || url.password !== "")
    return err("It must not contain a user name or a password.");
  // The parser turns 2130706433, 0x7f.1 and 127.1 into 127.0.0.1; nobody writes a video's address like that.
  const isInherited = url.hostname === from?.hostname;
  if (isIPv4(url.hostname) && !isInherited && !trimmed.toLowerCase().includes(url.hostname)) {
    return err(`Its address must be written as ${url.hostname}.`);
  }
  return ok(url);
}

/**
 * Checks an address before anything is sent to it: a job's own or, with `from`, the target of a redirect.
 * Whether the name resolves to a public address is checked when the connection is made.
 *
 * @returns `source_refused` with the rule that it breaks; never the URL's path and query, which may be secret
 */
export function checkSourceUrl(text: string, policy: SourcePolicy, from?: URL): Result<URL, Failure> {
  const parsed = parseSourceUrl(text, from);
  const refusal = parsed.ok ? refusedByPolicy(parsed.value, policy) : parsed.error;
  if (parsed.ok && refusal === null) return ok(parsed.value);
  return err(failure("source_refused", refusal ?? ""));
}

/** @returns a sentence with the rule that the URL breaks, or null */
export function refusedByPolicy(url: URL, policy: SourcePolicy): string | null {
  if (url.protocol !== "https:" && !policy.allowHttp)
    return "It must be an https URL: plain http needs ALLOW_HTTP.";
  if (isAllowedHost(url, policy)) return null;
  const port = Number(url.port);
  if (url.port !== "" && (port < FIRST_UNPRIVILEGED_PORT || REFUSED_PORTS.has(port)))
    return `Port ${port} is not one that videos are fetched from.`;
  const host = bareHost(url.hostname);
  const reason = isAddress(url.hostname) ? refusedAddress(host) : refusedName(host);
  return reason === null ? null : `${host} is ${reason}. Private hosts must be listed in ALLOW_HOSTS.`;
}

/** Whether the policy lists a URL's host, with any port or with the URL's. */
export function isAllowedHost(
  { hostname, port, protocol }: Pick<URL, "hostname" | "port" | "protocol">,
  policy: SourcePolicy,
): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  const withPort = `${host}:${port || (protocol === "http:" ? 80 : 443)}`;
  return policy.allowHosts.some((entry) => [host, withPort].includes(entry.toLowerCase()));
}

function refusedName(host: string): string | null {
  const name = host.toLowerCase().replace(/\.$/, "");
  const labels = name.split(".");
  if (labels.length < 2 || labels.includes("")) return "not a public name";
  const suffix = PRIVATE_SUFFIXES.find((ending) => name === ending || name.endsWith(`.${ending}`));
  return suffix === undefined ? null : "not a public name";
}

/** A name and each of its labels have a length that DNS can look up (RFC 1035). The parser does not check it. */
function isHostName(hostname: string): boolean {
  const name = hostname.replace(/\.$/, "");
  return name.length <= MAX_NAME_CHARS && name.split(".").every((label) => label.length <= MAX_LABEL_CHARS);
}

/** Of a parsed URL: an IPv4 address has its usual form there, and an IPv6 address has brackets. */
function isAddress(hostname: string): boolean {
  return isIPv4(hostname) || hostname.startsWith("[");
}

function isIPv4(hostname: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}

function bareHost(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}
