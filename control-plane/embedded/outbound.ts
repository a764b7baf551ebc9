import { type LookupAddress, lookup as resolveName } from "node:dns";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { isAllowedHost, refusedAddress, type SourcePolicy } from "@splatt/shared";
import { type Request, Response } from "miniflare";
import { OUTBOUND_ERROR_HEADER } from "../src/embedded/store-protocol.ts";

/** Slow receivers together hold no more connections; each is cut when the Worker stops waiting for it. */
const MOST_CONNECTIONS = 256;
/** A little more than the Worker waits. */
const ANSWER_WITHIN_MS = 20_000;

/** Nothing was sent: the name resolves to an address that the policy refuses. */
class RefusedAddressError extends Error {
  override readonly name = "RefusedAddressError";
}

/**
 * Sends what the Worker sends to receivers of webhooks. A name is resolved once, refused if any of its addresses is not
 * public, and connected to at exactly the addresses that were checked, so DNS rebinding gains nothing. The answer
 * carries the receiver's status alone: neither its headers nor its body are read.
 */
export function outboundService(policy: SourcePolicy): (request: Request) => Promise<Response> {
  let open = 0;
  return async (request) => {
    if (open >= MOST_CONNECTIONS) return failed("Too many receivers are slow at the moment.");
    open += 1;
    try {
      return new Response(null, { status: await statusOf(request, policy) });
    } catch (error) {
      return failed(error instanceof RefusedAddressError ? error.message : "It could not be reached.");
    } finally {
      open -= 1;
    }
  };
}

function failed(error: string): Response {
  return new Response(null, { status: 502, headers: { [OUTBOUND_ERROR_HEADER]: error } });
}

async function statusOf(request: Request, policy: SourcePolicy): Promise<number> {
  const url = new URL(request.url);
  const body = Buffer.from(await request.arrayBuffer());
  const isAllowed = isAllowedHost(url, policy);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  // An address in the URL is not looked up.
  const refusal = isIP(host) === 0 || isAllowed ? null : refusedAddress(host);
  if (refusal !== null) throw new RefusedAddressError(`${host} is ${refusal}.`);
  const response = await answerOf(url, {
    method: request.method,
    headers: { ...passedOn(request), host: url.host, "content-length": body.byteLength },
    lookup: isAllowed ? resolveName : resolvePublic,
    agent: false,
    signal: AbortSignal.any([request.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
    body,
  });
  response.destroy();
  return response.statusCode ?? 502;
}

/** The Worker's own headers, without those that the runtime adds on the way to the launcher. */
function passedOn(request: Request): Record<string, string> {
  const passed = [...request.headers].filter(
    ([name]) => name === "content-type" || name === "user-agent" || name.startsWith("webhook-"),
  );
  return Object.fromEntries(passed);
}

interface Outgoing {
  readonly method: string;
  readonly headers: Record<string, string | number>;
  readonly lookup: LookupFunction;
  readonly agent: false;
  readonly signal: AbortSignal;
  readonly body: Buffer;
}

function answerOf(url: URL, { body, ...options }: Outgoing): Promise<IncomingMessage> {
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const request = send(url, options);
    request.once("response", resolve);
    request.on("error", reject);
    request.end(body);
  });
}

const resolvePublic: LookupFunction = (hostname, options, done) => {
  resolveName(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) return done(error, "");
    const reason = addresses.map(({ address }) => refusedAddress(address)).find((found) => found !== null);
    if (reason !== undefined) {
      return done(new RefusedAddressError(`${hostname} resolves to ${reason}.`), "");
    }
    if (options.all === true) return done(null, addresses);
    const [first] = addresses;
    done(first === undefined ? new Error("no address") : null, first?.address ?? "", first?.family);
  });
};
