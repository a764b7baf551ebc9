import { isIP } from "node:net";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import ipaddr from "ipaddr.js";

/**
 * Which addresses a video may be fetched from. Anybody who may send a job names an address, and the agent
 * fetches it from inside somebody's network: without these rules it would be their way to what only that
 * network should reach (server-side request forgery).
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

/** From here on ports need no privilege; a public server may well be there, mail and shells are below. */
const FIRST_UNPRIVILEGED_PORT = 1024;
/** Above that: databases, caches and orchestrators that talk to anybody who connects. */
const REFUSED_PORTS = new Set([
  1433, 1521, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 5432, 5900, 5984, 6379, 6443, 6667, 9042, 9092, 9200,
  9300, 10250, 11211, 27017,
]);
/** Public by its number, but the metadata service inside Azure. */
const AZURE_WIRE_SERVER = "168.63.129.16";

const NAT64: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse("64:ff9b::"), 96];

const MAX_URL_CHARS = 4096;

/**
 * Checks an address before anything is sent there: a job's own, or (with `from`) where a server redirects to.
 * Whether the name resolves to a public address is checked when the connection is made.
 *
 * @returns `source_refused` with the rule that it breaks; the URL's path and query, which may be secret, are
 *   not repeated
 */
export function checkSourceUrl(text: string, policy: SourcePolicy, from?: URL): Result<URL, Failure> {
  const refuse = (reason: string) => err(failure("source_refused", reason));
  if (text.length > MAX_URL_CHARS) return refuse(`It is longer than ${MAX_URL_CHARS} characters.`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u0020\u007f\\]/.test(text))
    return refuse("It has spaces, control characters or backslashes.");
  if (!URL.canParse(text, from?.href)) return refuse("It is not a URL.");
  const url = new URL(text, from);
  url.hash = "";
  if (url.protocol !== "https:" && !(url.protocol === "http:" && policy.allowHttp)) {
    return refuse(`Its scheme is ${url.protocol.slice(0, -1)}.`);
  }
  if (url.username !== "" || url.password !== "") return refuse("It has a user name or password in it.");
  const host = bareHost(url.hostname);
  const literal = isIP(host) !== 0;
  // The parser turns 2130706433, 0x7f.1 and 127.1 into 127.0.0.1; nobody writes a video's address like that.
  if (isIP(host) === 4 && !text.toLowerCase().includes(host) && url.hostname !== from?.hostname) {
    return refuse("Its address is not in the usual form.");
  }
  if (isAllowedHost(url.hostname, url.port, policy)) return ok(url);
  if (url.port !== "") {
    const port = Number(url.port);
    if (port < FIRST_UNPRIVILEGED_PORT || REFUSED_PORTS.has(port)) return refuse(`Its port is ${port}.`);
  }
  if (literal) {
    const reason = refusedAddress(host);
    return reason === null ? ok(url) : refuse(`${host} is ${reason}.`);
  }
  const reason = refusedName(host);
  return reason === null ? ok(url) : refuse(`${host} is ${reason}.`);
}

/** @param port as in a URL: empty for the scheme's own */
export function isAllowedHost(hostname: string, port: string, policy: SourcePolicy): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  return policy.allowHosts.some((entry) => {
    const allowed = entry.toLowerCase();
    return allowed === host || (port !== "" && allowed === `${host}:${port}`);
  });
}

function refusedName(host: string): string | null {
  const name = host.toLowerCase().replace(/\.$/, "");
  const labels = name.split(".");
  if (labels.length < 2 || labels.includes("")) return "not a public name";
  const suffix = PRIVATE_SUFFIXES.find((ending) => name === ending || name.endsWith(`.${ending}`));
  return suffix === undefined ? null : "not a public name";
}

/** Without the brackets that a URL has around IPv6. */
function bareHost(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

/**
 * Why nothing may be fetched from an IP address; null when it is a public one. Everything that is not known
 * to be public is refused.
 */
export function refusedAddress(address: string): string | null {
  if (!ipaddr.isValid(address)) return "not an IP address";
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv4) return refusedIPv4(parsed);
  if (parsed.zoneId) return "a link-local address";
  // NAT64: the last four bytes are the IPv4 address that is reached. That holds for the well-known prefix
  // only; local ones (RFC 8215) may have it elsewhere.
  if (parsed.match(NAT64)) return refusedIPv4(new ipaddr.IPv4(parsed.toByteArray().slice(12)));
  const range = parsed.range();
  if (range !== "unicast") return `a ${spelled(range)} address`;
  // ISATAP (RFC 5214) tunnels to the IPv4 address in the last four bytes, whatever the prefix.
  if (((parsed.parts[4] ?? 0) & 0xfdff) === 0 && parsed.parts[5] === 0x5efe) return "an isatap address";
  // Only 2000::/3 is given out for use on the internet (RFC 4291).
  return ((parsed.parts[0] ?? 0) & 0xe000) === 0x2000 ? null : "a reserved address";
}

function refusedIPv4(address: ipaddr.IPv4): string | null {
  if (address.toString() === AZURE_WIRE_SERVER) return "a cloud's metadata address";
  const range = address.range();
  return range === "unicast" ? null : `a ${spelled(range)} address`;
}

/** "carrierGradeNat" → "carrier grade nat". */
function spelled(range: string): string {
  return range.replaceAll(/([A-Z])/g, " $1").toLowerCase();
}
