import type { UploadedPart } from "@splatt/shared";

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** The store's own names of a multipart upload that takes parts. */
export interface OpenUpload {
  readonly r2Key: string;
  readonly r2UploadId: string;
}

export interface PartToReceive {
  /** From 1. */
  readonly number: number;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex, when the sender stated it. */
  readonly sha256: string | null;
}

/** An object with bytes of a growing upload that do not fill a part yet. */
export interface TailPiece {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

/** A request as far as receiving its body needs it. */
export interface PartRequest {
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
}

export interface AnswerInit {
  readonly status: number;
  readonly headers: Headers;
}

/**
 * Moves the bytes of objects between clients and the object store, once the Worker has decided who may have which
 * bytes. On Cloudflare they stream through the Worker. In the embedded runtime the front door moves them itself.
 */
export interface ObjectBytes {
  /** @returns the answer that carries the range, or null when the object no longer exists */
  send(key: string, range: ByteRange | "whole", init: AnswerInit): Promise<Response | null>;
  /**
   * Stores the request's body as a part of an open upload.
   *
   * @throws ApiError when the body is damaged or incomplete, or the upload no longer exists
   */
  receivePart(upload: OpenUpload, part: PartToReceive, request: PartRequest): Promise<UploadedPart>;
}
