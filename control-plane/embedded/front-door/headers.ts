import {
  DOOR_SECRET_HEADER,
  HELD_LENGTH_HEADER,
  STORAGE_STATE_HEADER,
  STORE_HEADER,
  TRANSFER_HEADER,
} from "../../src/embedded/store-protocol.ts";
import { REQUEST_ID_HEADER } from "../../src/http/request-id.ts";
import type { StorageState } from "../../src/storage/storage-state.ts";

/** Hop-by-hop headers (RFC 9110 §7.6.1). */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** Headers that control the runtime, or that the door sets. */
const INTERNAL = new Set([
  DOOR_SECRET_HEADER,
  HELD_LENGTH_HEADER,
  STORAGE_STATE_HEADER,
  STORE_HEADER,
  TRANSFER_HEADER,
  "x-splatt-agent",
  "x-original-url",
  "x-rewrite-url",
  "x-http-method-override",
  // A compressed message may be a thousand times as large as its frames.
  "sec-websocket-extensions",
]);
const INTERNAL_PREFIXES = ["mf-", "cf-", "cdn-"];
/** Claims about the connection before a proxy, which only a trusted proxy may make. */
const FORWARDED = new Set([
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-real-ip",
  "true-client-ip",
]);

export interface DoorContext {
  readonly secret: string;
  readonly transfer: string;
  readonly requestId: string;
  /** The client's address, as reported by a trusted proxy if there is one. */
  readonly clientAddress: string;
  readonly isFromTrustedProxy: boolean;
  readonly storage: StorageState | null;
}

/** The headers forwarded to the runtime, alternating names and values. The caller adds the body's length. */
export function headersToRuntime(rawHeaders: readonly string[], context: DoorContext): string[] {
  const named = namedByConnection(rawHeaders);
  const passed: string[] = [];
  for (const [name, value] of pairs(rawHeaders)) {
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || named.has(lower) || isInternal(lower)) continue;
    if (FORWARDED.has(lower) && !context.isFromTrustedProxy) continue;
    // The door sends the body itself. Compression would cost more than it saves within this machine.
    if (
      lower === REQUEST_ID_HEADER ||
      lower === "content-length" ||
      lower === "expect" ||
      lower === "accept-encoding"
    )
      continue;
    passed.push(name, value);
  }
  passed.push(
    DOOR_SECRET_HEADER,
    context.secret,
    TRANSFER_HEADER,
    context.transfer,
    REQUEST_ID_HEADER,
    context.requestId,
    // As set by Cloudflare's edge.
    "cf-connecting-ip",
    context.clientAddress,
  );
  if (context.storage !== null) passed.push(STORAGE_STATE_HEADER, JSON.stringify(context.storage));
  return passed;
}

/** The headers of the runtime's reply that the client may see, alternating names and values. */
export function headersToClient(rawHeaders: readonly string[]): string[] {
  const named = namedByConnection(rawHeaders);
  return pairs(rawHeaders)
    .filter(([name]) => {
      const lower = name.toLowerCase();
      return !HOP_BY_HOP.has(lower) && !named.has(lower) && !isInternal(lower);
    })
    .flat();
}

function isInternal(name: string): boolean {
  return INTERNAL.has(name) || INTERNAL_PREFIXES.some((prefix) => name.startsWith(prefix));
}

function namedByConnection(rawHeaders: readonly string[]): Set<string> {
  const values = pairs(rawHeaders).filter(([name]) => name.toLowerCase() === "connection");
  const named = new Set(
    values.flatMap(([, value]) => value.split(",").map((token) => token.trim().toLowerCase())),
  );
  // No request is complete without it.
  named.delete("host");
  return named;
}

function pairs(rawHeaders: readonly string[]): [string, string][] {
  return Array.from({ length: rawHeaders.length / 2 }, (_, index): [string, string] => [
    rawHeaders[2 * index] ?? "",
    rawHeaders[2 * index + 1] ?? "",
  ]);
}
