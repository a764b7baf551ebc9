import ipaddr from "ipaddr.js";

/** Public by its number, but the metadata service inside Azure. */
const AZURE_WIRE_SERVER = "168.63.129.16";

const NAT64: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse("64:ff9b::"), 96];

/**
 * Why nothing may be fetched from an IP address, or null for a public one. Everything that is not known to be
 * public is refused.
 */
export function refusedAddress(address: string): string | null {
  if (!ipaddr.isValid(address)) return "not an IP address";
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv4) return refusedIPv4(parsed);
  if (parsed.zoneId) return "a link-local address";
  // NAT64 reaches the IPv4 address in the last four bytes. That holds for the well-known prefix only; local
  // prefixes (RFC 8215) may have it elsewhere.
  if (parsed.match(NAT64)) return refusedIPv4(new ipaddr.IPv4(parsed.toByteArray().slice(12)));
  const range = parsed.range();
  if (range !== "unicast") return spelled(range);
  // ISATAP (RFC 5214) tunnels to the IPv4 address in the last four bytes, whatever the prefix.
  if (((parsed.parts[4] ?? 0) & 0xfdff) === 0 && parsed.parts[5] === 0x5efe) return "an ISATAP address";
  // Only 2000::/3 is allocated for use on the internet (RFC 4291).
  return ((parsed.parts[0] ?? 0) & 0xe000) === 0x2000 ? null : "a reserved address";
}

function refusedIPv4(address: ipaddr.IPv4): string | null {
  if (address.toString() === AZURE_WIRE_SERVER) return "a cloud's metadata address";
  const range = address.range();
  return range === "unicast" ? null : spelled(range);
}

/** "carrierGradeNat" → "a carrier grade nat address", "ipv4Mapped" → "an ipv4 mapped address". */
function spelled(range: string): string {
  const words = range.replaceAll(/([A-Z])/g, " $1").toLowerCase();
  return `${/^(?:ipv|unspec)/.test(words) ? "an" : "a"} ${words} address`;
}
