import type { ProblemCode } from "@splatt/shared";
import type { Operation } from "./operation.ts";

/** Any request may meet these, whatever it asks for. */
const EVERYWHERE: readonly ProblemCode[] = [
  "malformed_request",
  "body_incomplete",
  "request_timeout",
  "too_large",
  "headers_too_large",
  "internal_error",
  "unavailable",
  "too_many_connections",
  "storage_full",
  "storage_unwritable",
];

const WITH_KEY: readonly ProblemCode[] = ["unauthorized", "foreign_origin", "rate_limited", "not_configured"];

/** Every problem that an endpoint answers with. */
export function problemsOf(operation: Operation): readonly ProblemCode[] {
  const { body, query, creates } = operation;
  const takesInput = body !== undefined || query !== undefined || creates === true;
  return [
    ...operation.problems,
    ...(takesInput ? (["invalid_request"] as const) : []),
    ...(creates === true ? (["idempotency_key_reused"] as const) : []),
    ...(operation.scope === null ? [] : WITH_KEY),
    ...(operation.scope === null || operation.scope === "any" ? [] : (["scope_missing"] as const)),
    ...EVERYWHERE,
  ];
}

/** The problems of a request that belongs to no endpoint. */
export const PROBLEMS_WITHOUT_OPERATION: readonly ProblemCode[] = [
  "not_found",
  "method_not_allowed",
  ...WITH_KEY,
  ...EVERYWHERE,
];
