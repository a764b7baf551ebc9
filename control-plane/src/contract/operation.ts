import type { ProblemCode, Scope } from "@splatt/shared";
import type { z } from "zod";

/** An answer whose body is not JSON. */
export interface RawAnswer {
  readonly description: string;
  /** Media types; the body is not described further. */
  readonly content: readonly string[];
}

/**
 * What the public API promises about one endpoint. The same object enforces it (`serve`), documents it
 * (`/openapi.json`), and checks the answers in the tests.
 */
export interface Operation {
  /** The OpenAPI operationId, and the name of the client's method. */
  readonly id: string;
  readonly method: "get" | "post" | "put" | "patch" | "delete" | "head";
  /** As OpenAPI writes it: `/jobs/{id}`. */
  readonly path: string;
  readonly tag: "Jobs" | "Results" | "Shares" | "Uploads" | "Agents" | "Webhooks" | "Keys" | "Operations";
  /** A few words. */
  readonly summary: string;
  readonly description?: string;
  /** What the key needs; null when the endpoint is public. */
  readonly scope: Scope | null;
  /** Whether it creates something, and so takes an `Idempotency-Key`. */
  readonly creates?: true;
  readonly query?: z.ZodObject;
  /** The fields of the JSON body. */
  readonly body?: z.ZodObject;
  /** Whether the JSON body may be left out. */
  readonly bodyOptional?: true;
  /** The media type of a body that is not JSON. */
  readonly rawBody?: string;
  /** By HTTP status. */
  readonly answers: Readonly<Record<number, z.ZodType | RawAnswer>>;
  /** Its own problems, besides those of its scope, its body and every endpoint. */
  readonly problems: readonly ProblemCode[];
}
