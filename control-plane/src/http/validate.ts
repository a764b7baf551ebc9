import type { ValidationIssue } from "@splatt/shared";
import type { Context } from "hono";
import type { z } from "zod";
import { ApiError } from "./problem.ts";

type Place = "body" | "query" | "path" | "header";

/** Answers 422 with FastAPI's list of `{loc, msg, type}` unless `input` fits `schema`. */
export function validate<T extends z.ZodType>(schema: T, input: unknown, place: Place): z.infer<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new ApiError(
    "invalid_request",
    parsed.error.issues.map((issue) => toValidationIssue(issue, input, place)),
  );
}

/** The request's JSON body, or 422: an unreadable body is invalid like any other. */
export async function readJson(c: Context): Promise<unknown> {
  return parseJson(await readText(c));
}

/** Like `readJson`, but no body at all is an empty object. */
export async function readOptionalJson(c: Context): Promise<unknown> {
  const text = await readText(c);
  return text.trim() === "" ? {} : parseJson(text);
}

/** A body that breaks off, or is badly framed, is the client's fault, though the runtime words it like a store's. */
async function readText(c: Context): Promise<string> {
  try {
    return await c.req.text();
  } catch {
    throw unreadable("The body could not be read to its end");
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreadable(`JSON decode error: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function unreadable(msg: string): ApiError {
  return new ApiError("invalid_request", [{ loc: ["body"], msg, type: "json_invalid" }]);
}

/** The fields of `body` that `schema` does not know: they are ignored, and the answer says so. */
export function unknownFields(schema: z.ZodObject, body: unknown): string[] {
  if (typeof body !== "object" || body === null) return [];
  return Object.keys(body).filter((field) => !Object.hasOwn(schema.shape, field));
}

function toValidationIssue(issue: z.core.$ZodIssue, input: unknown, place: Place): ValidationIssue {
  const path = issue.path.map((key) => (typeof key === "symbol" ? String(key) : key));
  const missing = issue.code === "invalid_type" && valueAt(input, path) === undefined;
  return {
    loc: [place, ...path],
    msg: missing ? "Field required" : issue.message,
    type: missing ? "missing" : pydanticType(issue),
  };
}

/** The error types that pydantic's clients know, as far as they have an equal here. */
function pydanticType(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `${issue.expected === "int" ? "int" : issue.expected}_type`;
    case "too_small":
      return issue.origin === "string" ? "string_too_short" : "greater_than_equal";
    case "too_big":
      return issue.origin === "string" ? "string_too_long" : "less_than_equal";
    case "invalid_format":
      return issue.format === "url" ? "url_parsing" : "string_pattern_mismatch";
    case "invalid_value":
      return "enum";
    default:
      return "value_error";
  }
}

function valueAt(input: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null
        ? (value as Record<string | number, unknown>)[key]
        : undefined,
    input,
  );
}
