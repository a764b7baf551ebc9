import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import type { OpenApiDocument } from "../contract/openapi.ts";
import { serve } from "../contract/serve.ts";
import { securityHeaders } from "../web/security-headers.ts";
import { GET_LLMS_TEXT, GET_OPENAPI } from "./contract.ts";
import { DocsPage } from "./docs-page.tsx";
import { llmsText } from "./llms-text.ts";
import { referenceOf } from "./reference.ts";

/**
 * What is rendered from the contract, made at the first request for it: a cold start and other requests pay nothing.
 */
const rendered = {
  openApi: once(async () => JSON.stringify(await loadOpenApi())),
  docs: once(async () => {
    const page = await (<DocsPage reference={referenceOf(await loadOpenApi())} />).toString();
    return `<!doctype html>${page}`;
  }),
  llms: once(async () => llmsText(referenceOf(await loadOpenApi()))),
};

/** Public, like the documentation of any API. */
export const documentationRoutes = new Hono<ApiEnv>()
  .get("/openapi.json", serve(GET_OPENAPI), async () => respond("application/json", await rendered.openApi()))
  .get("/llms.txt", serve(GET_LLMS_TEXT), async () =>
    respond("text/plain; charset=utf-8", await rendered.llms()),
  )
  .get("/docs", securityHeaders(false), async () =>
    respond("text/html; charset=utf-8", await rendered.docs()),
  );

function respond(contentType: string, body: string): Response {
  return new Response(body, {
    headers: { "content-type": contentType, "cache-control": "public, max-age=300" },
  });
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** The committed contract. The import is lazy, because it is large. */
async function loadOpenApi(): Promise<OpenApiDocument> {
  const module = await import("../../openapi.json", { with: { type: "json" } });
  return module.default as unknown as OpenApiDocument;
}
