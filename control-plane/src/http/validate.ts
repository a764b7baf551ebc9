import { errorText, type ValidationIssue } from "@splatt/shared";
import type { Context } from "hono";
import type { z } from "zod";
import { ApiError } from "./problem.ts";

/** How many faults of a request are named. A hostile one has as many as it has bytes. */
const MAX_ISSUES = 100;
/** How many fields and entries a body may have, all together. Checking each takes time and memory. */
const MAX_VALUES = 2000;

type Place = "body" | "query" | "path" | "header";

/** Answers 422 with FastAPI's list of `{loc, msg, type}` unless `input` fits `schema`. */
export function validate<T extends z.ZodType>(schema: T, input: unknown, place: Place): z.infer<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new ApiError(
    "invalid_request",
    parsed.error.issues.slice(0, MAX_ISSUES).map((issue) => toValidationIssue(issue, input, place)),
  );
}

/**
 * The request's JSON body, or 422: an unreadable body is invalid like any other.
 *
 * @param maxValues how many fields and entries it may have, all together
 */
export async function readJson(c: Context, maxValues = MAX_VALUES): Promise<unknown> {
  return parseJson(await readText(c), c.req.header("content-type"), maxValues);
}

/** Like `readJson`, but no body at all is an empty object. */
export async function readOptionalJson(c: Context): Promise<unknown> {
  const text = await readText(c);
  return text.trim() === "" ? {} : parseJson(text, c.req.header("content-type"), MAX_VALUES);
}

/** The path's id. Ours are lower case; clients may write them as they like. */
export function idParam(c: Context): string {
  return (c.req.param("id") ?? "").toLowerCase();
}

/** A whole number in the path, from 1. It has one way to be written: `1.0`, `01` and `+1` name nothing. */
export function numberParam(c: Context, name: string): number | null {
  const text = c.req.param(name) ?? "";
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : null;
}

/**
 * The query's parameters, decoded strictly: what is not UTF-8 is 422. Of a repeated parameter the last counts, as in
 * FastAPI.
 *
 * @param lists the parameters of which all count
 */
export function readQuery(c: Context, lists: readonly string[] = []): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {};
  for (const pair of new URL(c.req.url).search.slice(1).split("&")) {
    const [name = "", value = ""] = pair.split(/=(.*)/s).map(decodeQueryText);
    if (name === "") continue;
    query[name] = lists.includes(name) ? [query[name] ?? [], value].flat() : value;
  }
  requireStorableText(query, "query", MAX_VALUES);
  return query;
}

function decodeQueryText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw invalid("query", [], "The query is not percent-encoded UTF-8", "value_error");
  }
}

/** A body that breaks off, or is badly framed, is the client's fault, though the runtime words it like a store's. */
async function readText(c: Context): Promise<string> {
  let bytes: ArrayBuffer;
  try {
    bytes = await c.req.arrayBuffer();
  } catch {
    throw invalid("body", [], "The body could not be read to its end", "json_invalid");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw invalid("body", [], "The body is not valid UTF-8", "json_invalid");
  }
}

function parseJson(text: string, contentType: string | undefined, maxValues: number): unknown {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    const reason = looksLikeForm(text, contentType)
      ? "The body is form-encoded; send a JSON object"
      : `JSON decode error: ${errorText(error)}`;
    throw invalid("body", [], reason, "json_invalid");
  }
  requireStorableText(body, "body", maxValues);
  return body;
}

/** curl's -d sends JSON under the content type of a form, so the type alone proves nothing. */
function looksLikeForm(text: string, contentType: string | undefined): boolean {
  if (/^multipart\/form-data/i.test(contentType ?? "")) return true;
  return /^[\w.%+-]+=[^{]*(?:&|$)/.test(text);
}

/** How deep an object may be nested; nothing that the API takes comes near it. */
const MAX_DEPTH = 32;

/**
 * Refuses texts that no store keeps as they are: half of a surrogate pair has no UTF-8, and SQLite's functions stop at
 * a NUL. Refuses too many values as well. Iterative, because a hostile body can be nested deeper than the stack.
 */
function requireStorableText(root: unknown, place: Place, maxValues: number): void {
  let values = 0;
  const stack: { readonly value: unknown; readonly path: readonly (string | number)[] }[] = [
    { value: root, path: [] },
  ];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value, path } = next;
    if (typeof value === "string") requireStorable(value, place, path);
    if (typeof value !== "object" || value === null) continue;
    if (path.length >= MAX_DEPTH) throw invalid(place, [], "Nested too deeply", "value_error");
    const entries = Object.entries(value);
    values += entries.length;
    if (values > maxValues) throw invalid(place, path, `Has more than ${maxValues} values`, "value_error");
    for (const [key, child] of entries) {
      requireStorable(key, place, path);
      // A record's schema drops it silently.
      if (key === "__proto__") throw invalid(place, path, "must not have a field __proto__", "value_error");
      if (typeof child === "string" || typeof child === "object") {
        stack.push({ value: child, path: [...path, Array.isArray(value) ? Number(key) : key] });
      }
    }
  }
}

function requireStorable(text: string, place: Place, path: readonly (string | number)[]): void {
  if (text.includes("\0")) throw invalid(place, path, "must not contain NUL characters", "value_error");
  if (!text.isWellFormed()) throw invalid(place, path, "must be well-formed Unicode", "value_error");
}

function invalid(place: Place, path: readonly (string | number)[], msg: string, type: string): ApiError {
  return new ApiError("invalid_request", [{ loc: [place, ...path], msg, type }]);
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
