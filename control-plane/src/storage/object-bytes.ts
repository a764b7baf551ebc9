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

/** An open upload whose bytes are appended in order. */
export interface GrowingUpload extends OpenUpload {
  /** Bytes, of the whole file. */
  readonly size: number;
  /** As `growingPartSize` chose it. */
  readonly partSize: number;
}

/** How much of a growing upload is stored, and where the bytes are that do not fill a part yet. */
export interface Growth {
  readonly received: number;
  readonly tail: readonly TailPiece[];
}

export type DigestAlgorithm = "sha1" | "sha256";

/** What came of a slice of a body. */
export interface Slice {
  /** What is stored now, once the caller has recorded it. */
  readonly growth: Growth;
  readonly parts: readonly UploadedPart[];
  /** Whether the body ended with this slice: as framed, too early, or not where the file ends. */
  readonly end: "none" | "body" | "broken" | "too_long";
}

/** Stores a body slice by slice, so that little is lost when the sender, or the Worker, goes away in the middle. */
export interface BodyAppender {
  /**
   * Stores what the body brings within a few seconds, a part at most.
   *
   * @param from what is stored so far, with the earlier slices of this body
   */
  next(from: Growth): Promise<Slice>;
  /** Waits a few seconds for bytes, or the body's end, and stores nothing. @returns whether they have come */
  arrives(): Promise<boolean>;
  /** The digest of all slices, base64. */
  digest(): Promise<string>;
  close(): void;
}

export interface PartToReceive {
  /** From 1. */
  readonly number: number;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex, when the sender stated it. */
  readonly sha256: string | null;
}

export interface ObjectToReceive {
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
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
  /**
   * Stores the request's body as an object. The same bytes always get the same etag.
   *
   * @throws ApiError when the body is damaged or incomplete; nothing is stored then
   */
  receiveObject(key: string, object: ObjectToReceive, request: PartRequest): Promise<void>;
  /** @returns the SHA-256 of an object, lower-case hex; null when it no longer exists */
  sha256(key: string): Promise<string | null>;
  /** The size of the parts that an upload of `size` bytes grows by. */
  growingPartSize(size: number): number;
  /** @throws ApiError when the server is too busy to take another body */
  appendBody(upload: GrowingUpload, request: PartRequest, algorithm: DigestAlgorithm | null): BodyAppender;
}
