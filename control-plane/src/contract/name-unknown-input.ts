import type { Context } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { unknownWarnings } from "../http/warnings.ts";
import { hasWarnings, type Operation } from "./operation.ts";

/**
 * Names the fields and parameters that nothing has read in the `warnings` of a successful answer: a misspelt filter
 * would otherwise look like one that matches everything.
 */
export async function nameUnknownInput(c: Context<ApiEnv>, operation: Operation): Promise<void> {
  if (!c.res.ok || !hasWarnings(operation)) return;
  const warnings = [
    ...unknownWarnings("field", await unknownFields(c, operation)),
    ...unknownWarnings("parameter", unknownParameters(c.req.url, operation)),
  ];
  if (warnings.length === 0) return;
  const answer = (await c.res.json()) as object;
  c.res = new Response(JSON.stringify({ ...answer, warnings }), c.res);
}

async function unknownFields(c: Context<ApiEnv>, { body }: Operation): Promise<string[]> {
  if (body === undefined) return [];
  // The route has read the same bytes, and accepted them.
  const text = await c.req.text();
  const fields: unknown = text.trim() === "" ? {} : JSON.parse(text);
  return Object.keys(fields as object).filter((name) => !Object.hasOwn(body.shape, name));
}

function unknownParameters(url: string, { query }: Operation): string[] {
  const names = new Set(new URL(url).searchParams.keys());
  return [...names].filter((name) => name !== "" && !Object.hasOwn(query?.shape ?? {}, name));
}
