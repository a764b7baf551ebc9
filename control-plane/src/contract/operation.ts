import type { ProblemCode, Scope } from "@splatt/shared";
import { z } from "zod";

/** An answer whose body is not JSON. */
export interface RawAnswer {
  readonly description: string;
  /** Media types; the body is not described further. Empty for an answer without a body. */
  readonly content: readonly string[];
}

/**
 * What the public API promises about one endpoint. The same object enforces it (`serve`), documents it
 * (`/openapi.json`, docs/api.md), and checks the answers in the tests.
 */
export interface Operation {
  /** The OpenAPI operationId, and the name of the client's method. */
  readonly id: string;
  readonly method: "get" | "post" | "put" | "patch" | "delete" | "head" | "options";
  /** As OpenAPI writes it: `/jobs/{id}`. The parameters are described in path-parameters.ts. */
  readonly path: string;
  readonly tag: Tag;
  /** A few words. */
  readonly summary: string;
  readonly description?: string;
  /** What the key needs: `any` when any key will do, null when the endpoint is public. */
  readonly scope: Scope | "any" | null;
  /** Whether it creates something, and so takes an `Idempotency-Key`. */
  readonly creates?: true;
  readonly query?: z.ZodObject;
  /** Request headers of this endpoint, in lower case. */
  readonly headers?: z.ZodObject;
  /** The fields of the JSON body. */
  readonly body?: z.ZodObject;
  /** Whether the body may be left out. */
  readonly bodyOptional?: true;
  /** An example of the JSON body. */
  readonly example?: Readonly<Record<string, unknown>>;
  /** The media type of a body that is not JSON. */
  readonly rawBody?: string;
  /** By HTTP status. */
  readonly answers: Readonly<Record<number, z.ZodType | RawAnswer>>;
  /** Whether another protocol defines the JSON of its answers, so that they have no `warnings`. */
  readonly foreignAnswer?: true;
  /** Headers of the successful answers that clients rely on, in lower case, and what each says. */
  readonly answerHeaders?: Readonly<Record<string, string>>;
  /** Its own problems, besides those of its scope, its body and every endpoint. */
  readonly problems: readonly ProblemCode[];
}

/**
 * Whether the successful answers of an operation can have `warnings`: those that are JSON objects of this API's own.
 */
export function hasWarnings(operation: Operation): boolean {
  return operation.foreignAnswer !== true && operation.answers[200] instanceof z.ZodObject;
}

export const TAGS = [
  "Jobs",
  "Results",
  "Shares",
  "Uploads",
  "Agents",
  "Webhooks",
  "Keys",
  "Operations",
  "Documentation",
] as const;
export type Tag = (typeof TAGS)[number];
