import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { type Request, Response } from "miniflare";
import { STORE_HEADER, type StoreReply, StoreRequest } from "../../src/embedded/store-protocol.ts";
import type { Transfers } from "../front-door/transfers.ts";
import type { ObjectRead, ObjectStore, Outcome } from "./object-store.ts";

type BodyRequest = Pick<Request, "headers" | "body">;

/** Answers the Worker's requests to the object store. */
export function storeService(
  store: ObjectStore,
  transfers: Transfers,
): (request: BodyRequest) => Promise<Response> {
  return async ({ headers, body }) => {
    const request = StoreRequest.parse(JSON.parse(decodeURIComponent(headers.get(STORE_HEADER) ?? "")));
    if (request.op === "get") return getObject(store, request.key, request.range);
    const source = body === null ? Readable.from([]) : Readable.fromWeb(body);
    return Response.json(await reply(request, store, transfers, source));
  };
}

async function reply(
  request: Exclude<StoreRequest, { op: "get" }>,
  store: ObjectStore,
  transfers: Transfers,
  source: AsyncIterable<Uint8Array>,
): Promise<StoreReply> {
  switch (request.op) {
    case "head": {
      const object = store.head(request.key);
      return object === null ? { ok: true } : { ok: true, object };
    }
    case "list": {
      const { prefix, after, limit } = request;
      const objects = store.list(prefix, after, limit + 1);
      return { ok: true, objects: objects.slice(0, limit), truncated: objects.length > limit };
    }
    case "put":
      return store.put(request.key, source);
    case "delete":
      return withoutDetails(await store.delete(request.keys));
    case "createUpload":
      return store.createUpload(request.key);
    case "completeUpload":
      return store.completeUpload(request.key, request.uploadId, request.parts);
    case "abortUpload":
      return withoutDetails(await store.abortUpload(request.key, request.uploadId));
    case "uploadPart":
      return store.receivePart({ ...request, size: null, sha256: null }, source);
    case "send": {
      const transfer = transfers.find(request.transfer);
      const read = transfer === null ? null : store.read(request.key, request.range);
      if (transfer === null || read === null) return { ok: false, failure: "no_such_object" };
      transfer.answer?.release();
      transfer.answer = read;
      return { ok: true };
    }
    case "receivePart": {
      const body = transfers.find(request.transfer)?.takeBody?.();
      if (body === undefined) return { ok: false, failure: "body_incomplete" };
      return store.receivePart(request, body);
    }
  }
}

function getObject(
  store: ObjectStore,
  key: string,
  range: { readonly offset: number; readonly length: number } | null,
): Response {
  const read = store.read(key, range);
  if (read === null) return new Response(null, { status: 404 });
  return new Response(Readable.toWeb(Readable.from(bytesOf(read))), {
    headers: { [STORE_HEADER]: encodeURIComponent(JSON.stringify(read.object)) },
  });
}

async function* bytesOf(read: ObjectRead): AsyncGenerator<Uint8Array> {
  try {
    for (const { path, offset, length } of read.segments) {
      yield* createReadStream(path, { start: offset, end: offset + length - 1 });
    }
  } finally {
    read.release();
  }
}

function withoutDetails(outcome: Outcome<object>): StoreReply {
  return outcome.ok ? { ok: true } : outcome;
}
