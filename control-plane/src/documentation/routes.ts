import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { GET_OPENAPI } from "./contract.ts";

/** Public, like the documentation of any API. */
export const documentationRoutes = new Hono<ApiEnv>().get("/openapi.json", serve(GET_OPENAPI), async () => {
  openApiText ??= await loadOpenApi().then((document) => JSON.stringify(document));
  return new Response(openApiText, { headers: { "content-type": "application/json", ...CACHED } });
});

const CACHED = { "cache-control": "public, max-age=300" };

let openApiText: string | undefined;

/** The committed contract. It is a lazy import: a request that does not ask for it, and a cold start, pay nothing. */
async function loadOpenApi(): Promise<unknown> {
  return (await import("../../openapi.json", { with: { type: "json" } })).default;
}
