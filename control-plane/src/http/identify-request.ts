import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "../app-env.ts";
import { currentRequestId, inRequest } from "./request-context.ts";
import { REQUEST_ID_HEADER } from "./request-id.ts";

/** Names each request in its answer. */
export const identifyRequest: MiddlewareHandler<AppEnv> = (c, next) =>
  inRequest(c.req.raw.headers, async () => {
    await next();
    // The answer that opens a WebSocket cannot be copied.
    if (c.res.status !== 101) c.header(REQUEST_ID_HEADER, currentRequestId());
  });
