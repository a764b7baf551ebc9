import { lookup } from "node:dns";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { isAllowedHost, refusedAddress, type SourcePolicy } from "@splatt/shared";
import { type Request, Response } from "miniflare";
import { OUTBOUND_ERROR_HEADER, OUTBOUND_KEY_HEADER } from "../src/embedded/store-protocol.ts";
import { type Resolve, resolveApart } from "./resolve-name.ts";

/** What tests replace. */
export interface OutboundNetwork {
  /** Why an IP address may not be connected to, or null. */
  readonly refused: (address: string) => string | null;
  readonly resolve: Resolve;
  /** For names in ALLOW_HOSTS: as the system resolves them, with its hosts file. */
  readonly resolveAllowed: Resolve;
  /** Slow receivers together hold no more connections, those of one API key no more than its share. */
  readonly mostConnections: number;
  readonly mostOfOneKey: number;
  readonly answerWithinMs: number;
}

const INTERNET: OutboundNetwork = {
  refused: refusedAddress,
  resolve: resolveApart(),
  resolveAllowed: lookup,
  mostConnections: 512,
  mostOfOneKey: 32,
  // A little more than the Worker waits.
  answerWithinMs: 20_000,
};

/** Nothing was sent: the name resolves to an address that the policy refuses. */
class RefusedAddressError extends Error {
  override readonly name = "RefusedAddressError";
}

/**
 * Sends what the Worker sends to receivers of webhooks. A name is resolved once, refused if any of its addresses is not
 * public, and connected to at exactly the addresses that were checked, so DNS rebinding gains nothing. The answer
 * carries the receiver's status alone: neither its headers nor its body are read.
 */
export function outboundService(
  policy: SourcePolicy,
  network: OutboundNetwork = INTERNET,
): (request: Request) => Promise<Response> {
  let open = 0;
  const openOfKey = new Map<string, number>();
  return async (request) => {
    const key = request.headers.get(OUTBOUND_KEY_HEADER) ?? "";
    const ofKey = openOfKey.get(key) ?? 0;
    if (ofKey >= network.mostOfOneKey)
      return failed("Too many receivers of this API key are slow at the moment.");
    if (open >= network.mostConnections) return failed("Too many receivers are slow at the moment.");
    open += 1;
    openOfKey.set(key, ofKey + 1);
    try {
      const status = await statusOf(request, policy, network);
      if (status < 200 || status > 599)
        return failed(`It answered ${status}, which is not a final HTTP status.`);
      return new Response(null, { status });
    } catch (error) {
      return failed(error instanceof RefusedAddressError ? error.message : "It could not be reached.");
    } finally {
      open -= 1;
      const left = (openOfKey.get(key) ?? 1) - 1;
      if (left > 0) openOfKey.set(key, left);
      else openOfKey.delete(key);
    }
  };
}

function failed(error: string): Response {
  return new Response(null, { status: 502, headers: { [OUTBOUND_ERROR_HEADER]: error } });
}

async function statusOf(
  request: Request,
  policy: SourcePolicy,
  { refused, resolve, resolveAllowed, answerWithinMs }: OutboundNetwork,
): Promise<number> {
  const url = new URL(request.url);
  const body = Buffer.from(await request.arrayBuffer());
  const isAllowed = isAllowedHost(url, policy);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  // An address in the URL is not looked up.
  const refusal = isIP(host) === 0 || isAllowed ? null : refused(host);
  if (refusal !== null) throw new RefusedAddressError(`${host} is ${refusal}.`);
  const response = await answerOf(url, {
    method: request.method,
    headers: { ...passedOn(request), host: url.host, "content-length": body.byteLength },
    lookup: isAllowed ? lookupOf(resolveAllowed, () => null) : lookupOf(resolve, refused),
    agent: false,
    signal: AbortSignal.any([request.signal, AbortSignal.timeout(answerWithinMs)]),
    body,
  });
  response.destroy();
  return response.statusCode ?? 0;
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
    // A switch of protocols comes without a response and without an error.
    request.once("upgrade", (response, socket) => {
      socket.destroy();
      resolve(response);
    });
    request.on("error", reject);
    request.once("close", () => reject(new Error("closed")));
    request.end(body);
  });
}

/** Gives the connection the addresses that were checked, or none. */
function lookupOf(resolve: Resolve, refused: OutboundNetwork["refused"]): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, "");
      const [first] = addresses;
      if (first === undefined) return done(new Error("no address"), "");
      const reason = addresses.map(({ address }) => refused(address)).find((found) => found !== null);
      if (reason !== undefined) {
        return done(new RefusedAddressError(`${hostname} resolves to ${reason}.`), "");
      }
      if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}
