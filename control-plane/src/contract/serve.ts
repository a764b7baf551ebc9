import type { MiddlewareHandler } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { createOnce } from "../idempotency/create-once.ts";
import { requireScope } from "../keys/principal.ts";
import { nameUnknownInput } from "./name-unknown-input.ts";
import type { Operation } from "./operation.ts";

const served = new WeakMap<MiddlewareHandler<ApiEnv>, Operation>();

/** Puts a route under its operation: the first handler of every route of the public API. */
export function serve(operation: Operation): MiddlewareHandler<ApiEnv> {
  const enforce: MiddlewareHandler<ApiEnv> = async (c, next) => {
    const { scope } = operation;
    if (scope !== null && scope !== "any") requireScope(c.get("principal"), scope);
    if (operation.creates === true) await createOnce(c, operation, next);
    else await next();
    await nameUnknownInput(c, operation);
  };
  served.set(enforce, operation);
  return enforce;
}

/** The operation that a handler enforces, if it is one of `serve`. */
export function operationOf(handler: unknown): Operation | undefined {
  return served.get(handler as MiddlewareHandler<ApiEnv>);
}
