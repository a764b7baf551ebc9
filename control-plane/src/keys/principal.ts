import type { Scope } from "@splatt/shared";
import type { KeyLimits } from "../db/schema.ts";
import { ApiError } from "../http/problem.ts";

/** Whoever sent a request to the public API, as proven by its API key. */
export interface Principal {
  /** Null for the bootstrap key `GPU_API_KEY`. */
  readonly keyId: string | null;
  /** For logs and the audit. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** The only pool that it may use and see; null is every pool. */
  readonly pool: string | null;
  /** Labels that every job it creates or sees has; null is no restriction. */
  readonly labels: Readonly<Record<string, string>> | null;
  readonly limits: KeyLimits | null;
}

/** The owner, who holds the bootstrap key. */
export const OWNER: Principal = {
  keyId: null,
  name: "bootstrap key",
  scopes: new Set<Scope>(["admin"]),
  pool: null,
  labels: null,
  limits: null,
};

/** @throws ApiError 403 when the key lacks the scope */
export function requireScope(principal: Principal, scope: Scope): void {
  if (principal.scopes.has(scope) || principal.scopes.has("admin")) return;
  throw new ApiError("scope_missing", `This request needs the scope ${scope}.`);
}
