import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { type Request, Response } from "miniflare";
import { STORE_HEADER, type StoreReply, StoreRequest } from "../../src/embedded/store-protocol.ts";
import type { Transfers } from "../front-door/transfers.ts";
import type { ObjectRead, ObjectStore, Outcome } from "./object-store.ts";

/** How much of an appended body is stored before the Worker records it. */
const MAX_SLICE_BYTES = 256 * 1024 * 1024;
const SLICE_MS = 3000;

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
      const object = await store.head(request.key);
      return object === null ? { ok: true } : { ok: true, object };
    }
    case "list": {
      const { prefix, after, limit } = request;
      const objects = await store.list(prefix, after, limit + 1);
      return { ok: true, objects: objects.slice(0, limit), truncated: objects.length > limit };
    }
    case "put":
      return store.put(request.key, source);
    case "delete":
      return withoutDetails(await store.delete(request.keys));
    case "sha256": {
      const read = await store.read(request.key, null);
      if (read === null) return { ok: false, failure: "no_such_object" };
      const hash = createHash("sha256");
      for await (const chunk of bytesOf(read)) hash.update(chunk);
      return { ok: true, sha256: hash.digest("hex") };
    }
    case "createUpload":
      return store.createUpload(request.key);
    case "completeUpload":
      return store.completeUpload(request.key, request.uploadId, request.parts);
    case "abortUpload":
      return withoutDetails(await store.abortUpload(request.key, request.uploadId));
    case "uploadPart":
      return store.receivePart({ ...request, size: null, sha256: null }, source);
    case "send": {
      const read = await store.read(request.key, request.range);
      if (read === null) return { ok: false, failure: "no_such_object" };
      const transfer = transfers.find(request.transfer);
      if (transfer === null) {
        // The client has left.
        read.release();
        return { ok: false, failure: "no_such_object" };
      }
      transfer.answer?.release();
      transfer.answer = read;
      return { ok: true };
    }
    case "receivePart": {
      const body = transfers.find(request.transfer)?.takeBody?.();
      if (body === undefined) return { ok: false, failure: "body_incomplete" };
      return store.receivePart(request, body);
    }
    case "receiveObject": {
      const body = transfers.find(request.transfer)?.takeBody?.();
      if (body === undefined) return { ok: false, failure: "body_incomplete" };
      return store.receiveObject(request, body);
    }
    case "append": {
      const body = transfers.slicedBody(request.transfer, request.algorithm);
      if (body === null) return { ok: false, failure: "body_incomplete" };
      const { key, uploadId, offset, size } = request;
      const limit = Math.min(size - offset, MAX_SLICE_BYTES);
      const late = AbortSignal.timeout(SLICE_MS);
      const appended = await store.append({ key, uploadId, offset }, limit, body.slice(limit, late));
      if (!appended.ok) return appended;
      const { received, etag } = appended;
      const end = received === size ? await body.endAfterLastByte(late) : body.end;
      return { ok: true, appended: { received, etag, end, digest: body.digest() } };
    }
    case "awaitBody": {
      const body = transfers.slicedBody(request.transfer, request.algorithm);
      const late = AbortSignal.timeout(SLICE_MS);
      return { ok: true, hasArrived: body === null || (await body.arrives(late)) };
    }
  }
}

async function getObject(
  store: ObjectStore,
  key: string,
  range: { readonly offset: number; readonly length: number } | null,
): Promise<Response> {
  const read = await store.read(key, range);
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
