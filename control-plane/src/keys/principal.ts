import type { KeyLimits, Labels, Scope } from "@splatt/shared";
import { ApiError } from "../http/problem.ts";

/** Whoever sent a request to the public API, as proven by its API key. */
export interface Principal {
  /** Null for the bootstrap key `GPU_API_KEY`. */
  readonly keyId: string | null;
  /** For logs. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** The only pool that it may use and see; null means every pool. */
  readonly pool: string | null;
  /** Labels that every job it creates or sees has; null means no restriction. */
  readonly labels: Readonly<Labels> | null;
  readonly limits: KeyLimits | null;
  /** Milliseconds since the epoch; null means never. */
  readonly expiresAt: number | null;
}

/** The owner, who holds the bootstrap key. */
export const OWNER: Principal = {
  keyId: null,
  name: "bootstrap key",
  scopes: new Set<Scope>(["admin"]),
  pool: null,
  labels: null,
  limits: null,
  expiresAt: null,
};

/** A key with the scope `admin` has no restrictions: it could make a key without them. */
export function isAdmin(principal: Principal): boolean {
  return principal.scopes.has("admin");
}

/** @throws ApiError 403 when the key lacks the scope */
export function requireScope(principal: Principal, scope: Scope): void {
  if (principal.scopes.has(scope) || isAdmin(principal)) return;
  throw new ApiError("scope_missing", `This request needs the scope ${scope}.`);
}
