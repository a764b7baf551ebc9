import type { Env } from "../env.ts";
import type { StorageState } from "../storage/storage-state.ts";
import { doorBytes } from "./door-bytes.ts";
import { localBucket } from "./local-bucket.ts";
import { outboundFetch } from "./outbound-fetch.ts";
import {
  DOOR_SECRET_HEADER,
  HELD_LENGTH_HEADER,
  STORAGE_STATE_HEADER,
  TRANSFER_HEADER,
  UNKNOWN_LENGTH,
} from "./store-protocol.ts";

/** The bindings that the embedded runtime provides in place of R2, and for sending webhooks. */
export interface EmbeddedEnv extends Omit<Env, "BUCKET"> {
  readonly OBJECT_STORE: Fetcher;
  readonly OUTBOUND: Fetcher;
  readonly DOOR_SECRET: string;
}

export function onLocalStore<E extends EmbeddedEnv>(env: E): E & Env {
  return { ...env, BUCKET: localBucket(env.OBJECT_STORE), OUTBOUND_FETCH: outboundFetch(env.OUTBOUND) };
}

/**
 * Runs the Worker behind the front door: with the launcher's object store as its bucket, reachable only through the
 * door. workerd listens on a port of this machine, which every local user can reach.
 */
export function embed<E extends Env>(worker: {
  fetch(request: Request, env: E, ctx: ExecutionContext): Response | Promise<Response>;
  scheduled(controller: ScheduledController, env: E): Promise<void>;
}): ExportedHandler<E & EmbeddedEnv> {
  return {
    fetch(request, env, ctx) {
      const { headers } = request;
      if (headers.get(DOOR_SECRET_HEADER) !== env.DOOR_SECRET) return new Response(null, { status: 403 });
      const state = headers.get(STORAGE_STATE_HEADER);
      const perRequest = {
        ...onLocalStore(env),
        OBJECT_BYTES: doorBytes(env.OBJECT_STORE, headers.get(TRANSFER_HEADER) ?? ""),
        ...(state !== null && { STORAGE_STATE: JSON.parse(state) as StorageState }),
      };
      return worker.fetch(asSentByClient(request), perRequest, ctx);
    },
    scheduled: (controller, env) => worker.scheduled(controller, onLocalStore(env)),
  };
}

/** The request without the door's own headers, with the length of a body that the door holds back. */
function asSentByClient(request: Request): Request {
  const headers = new Headers(request.headers);
  const heldLength = headers.get(HELD_LENGTH_HEADER);
  if (heldLength === UNKNOWN_LENGTH) headers.delete("content-length");
  else if (heldLength !== null) headers.set("content-length", heldLength);
  for (const name of [DOOR_SECRET_HEADER, TRANSFER_HEADER, STORAGE_STATE_HEADER, HELD_LENGTH_HEADER]) {
    headers.delete(name);
  }
  return new Request(urlBeforeProxy(request.url, headers), new Request(request, { headers }));
}

/** The URL as the client wrote it. The door passes these headers only when a trusted proxy set them. */
export function urlBeforeProxy(url: string, headers: Headers): string {
  const scheme = firstOf(headers.get("x-forwarded-proto"));
  const host = firstOf(headers.get("x-forwarded-host"));
  const sent = new URL(url);
  if (scheme === "http" || scheme === "https") sent.protocol = scheme;
  // Assigning a host without a port would keep the old port.
  if (host !== undefined && /^[\w.-]+(?::\d{1,5})?$|^\[[0-9a-f:.]+\](?::\d{1,5})?$/i.test(host)) {
    sent.port = "";
    sent.host = host;
  }
  return sent.href;
}

/** Of several proxies, the first to receive the request wrote the first entry. */
function firstOf(list: string | null): string | undefined {
  return list?.split(",")[0]?.trim().toLowerCase();
}
