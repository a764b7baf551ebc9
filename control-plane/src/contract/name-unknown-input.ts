import type { Context } from "hono";
import { z } from "zod";
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
  return unknownIn(body, text.trim() === "" ? {} : JSON.parse(text));
}

/** The fields of an object, and of the objects in it, that a schema does not have: `limits.requests`. */
function unknownIn(schema: z.ZodObject, input: object): string[] {
  return Object.entries(input).flatMap(([name, value]) => {
    if (!Object.hasOwn(schema.shape, name)) return [name];
    const inner = objectIn(schema.shape[name]);
    if (inner === null || typeof value !== "object" || value === null) return [];
    return unknownIn(inner, value).map((unknown) => `${name}.${unknown}`);
  });
}

function objectIn(schema: z.core.$ZodType | undefined): z.ZodObject | null {
  if (schema instanceof z.ZodObject) return schema;
  const isWrapped =
    schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault;
  return isWrapped ? objectIn(schema.unwrap()) : null;
}

function unknownParameters(url: string, { query }: Operation): string[] {
  const names = new Set(new URL(url).searchParams.keys());
  return [...names].filter((name) => name !== "" && !Object.hasOwn(query?.shape ?? {}, name));
}
