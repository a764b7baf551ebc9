import { AsyncLocalStorage } from "node:async_hooks";
import { requestIdOf } from "./request-id.ts";

const requestIds = new AsyncLocalStorage<string>();

/** The id of the request that the running code serves; undefined outside of any. */
export function currentRequestId(): string | undefined {
  return requestIds.getStore();
}

/** Serves a request under its id. One that a page or a tool makes of the API in this process has the page's id. */
export function inRequest<T>(headers: Headers, serve: () => T): T {
  return requestIds.run(currentRequestId() ?? requestIdOf((name) => headers.get(name)), serve);
}
