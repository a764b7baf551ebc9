import { JsonRpcMessage } from "@splatt/shared";
import { type Context, Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { allowedOrigin } from "../http/cross-origin-headers.ts";
import { ApiError } from "../http/problem.ts";
import { readJson, validate } from "../http/validate.ts";
import { isOwnOrigin } from "../keys/authenticate.ts";
import { CALL_MCP } from "./contract.ts";
import { toolApi } from "./tool-api.ts";

/** @param callApi the Worker's API, in this process */
export function mcpRoutes(callApi: (request: Request, c: Context) => Promise<Response>): Hono<ApiEnv> {
  return new Hono<ApiEnv>().post("/", serve(CALL_MCP), async (c) => {
    requireKnownOrigin(c);
    const message = await readJson(c);
    validate(JsonRpcMessage, message, "body");
    // Large, and used by few: the other endpoints start without it.
    const [{ mcpServer }, { handleMessage }] = await Promise.all([
      import("./server.ts"),
      import("./handle-message.ts"),
    ]);
    const api = toolApi(c.req.raw, (request) => callApi(request, c));
    const answer = await handleMessage(asJson(c.req.raw), message, mcpServer(c.get("principal"), api));
    if (answer.status >= 500) throw new Error(`The protocol's server failed: ${await answer.text()}`);
    return answer;
  });
}

/**
 * The protocol wants that pages of unknown sites are refused. Programs send no origin.
 *
 * @throws ApiError 403
 */
function requireKnownOrigin(c: Context<ApiEnv>): void {
  const origin = c.req.header("origin");
  if (origin === undefined || isOwnOrigin(c, origin)) return;
  if (allowedOrigin(c.env.CORS_ORIGINS, origin) === null) throw new ApiError("foreign_origin");
}

/** The body was read already, and every answer is JSON, so it does not matter what the client says of either. */
function asJson(request: Request): Request {
  const headers = new Headers(request.headers);
  headers.set("content-type", "application/json");
  headers.set("accept", "application/json, text/event-stream");
  return new Request(request.url, { method: "POST", headers });
}
