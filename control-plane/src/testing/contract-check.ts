import { type Schema, Validator } from "@cfworker/json-schema";
import { z } from "zod";
import document from "../../openapi.json" with { type: "json" };
import type { JsonSchema } from "../contract/json-schema.ts";
import { pathPattern } from "../contract/methods-at.ts";
import type {
  OpenApiDocument,
  OpenApiHeader,
  OpenApiOperation,
  OpenApiResponse,
} from "../contract/openapi.ts";
import { isPublicApi } from "../http/served-paths.ts";

/** Compares what the API answers with the committed contract: status, headers, media type and body. */

const CONTRACT = document as unknown as OpenApiDocument;
const { components } = CONTRACT;

/**
 * @throws when the contract does not describe the answer, or leaves it to caches whether they keep it. The response can
 *   still be read afterwards.
 */
export async function checkAnswer(
  request: { readonly method: string; readonly url: string },
  response: Response,
): Promise<void> {
  const { pathname } = new URL(request.url);
  if (!isPublicApi(pathname)) return;
  if (response.status !== 101 && !response.headers.has("cache-control")) {
    throw new Error(`${request.method} ${pathname} answered ${response.status} without Cache-Control`);
  }
  const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
  const problem = contractViolation(request.method, pathname, {
    status: response.status,
    headers: response.headers,
    body: isJson && request.method !== "HEAD" ? await response.clone().text() : null,
  });
  if (problem !== null) throw new Error(`The contract does not describe this answer: ${problem}`);
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Null when it is not to be checked. */
  readonly body: string | null;
}

/** @returns what the contract does not describe, or null */
export function contractViolation(method: string, pathname: string, answer: Answer): string | null {
  const operation = operationFor(method, pathname);
  // A preflight of CORS: browsers send it to any endpoint, and OpenAPI describes none.
  if (method === "OPTIONS" && operation === null && answer.status === 204) return null;
  const where = `${method} ${pathname} (${operation?.operationId ?? "no operation"}) answered ${answer.status}`;
  const responses = operation?.responses ?? CONTRACT["x-unmatched-requests"];
  const described = resolve(responses[String(answer.status)]);
  if (described === undefined) return `${where}, an undocumented status: ${answer.body ?? ""}`;

  const missing = Object.entries(described.headers ?? {}).find(
    ([name, header]) => requiresHeader(header) && !answer.headers.has(name),
  );
  if (missing !== undefined) return `${where} without the header ${missing[0]}`;

  const sent = answer.headers.get("content-type")?.split(";", 1)[0]?.trim() ?? null;
  const media = Object.entries(described.content ?? {}).find(([type]) => type === "*/*" || type === sent);
  if (method === "HEAD" || answer.status === 304) return null;
  if (media === undefined && (sent !== null || described.content !== undefined)) {
    return `${where} with the undocumented media type ${sent}`;
  }
  const schema = media?.[1].schema;
  if (schema === undefined || answer.body === null) return null;
  const { valid, errors } = validatorFor(schema).validate(withoutWarnings(JSON.parse(answer.body), schema));
  const reasons = errors.map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`).slice(-3);
  return valid
    ? null
    : `${where} with an undescribed body: ${reasons.join("; ")}\n${answer.body.slice(0, 2000)}`;
}

/** Paths with fewer parameters come first: `/jobs/archive` is not the job `archive`. */
const TEMPLATES = Object.entries(CONTRACT.paths)
  .map(([path, operations]) => ({
    pattern: pathPattern(path),
    parameters: path.split("{").length,
    operations,
  }))
  .toSorted((a, b) => a.parameters - b.parameters);

function operationFor(method: string, pathname: string): OpenApiOperation | null {
  const matching = TEMPLATES.filter(({ pattern }) => pattern.test(pathname));
  const name = method.toLowerCase();
  const found = matching.find(({ operations }) => operations[name] !== undefined)?.operations[name];
  if (found !== undefined || name !== "head") return found ?? null;
  return operationFor("GET", pathname);
}

function resolve(response: OpenApiResponse | { readonly $ref: string } | undefined) {
  if (response === undefined || !("$ref" in response)) return response;
  return components.responses[response.$ref.replace("#/components/responses/", "")];
}

function requiresHeader(header: OpenApiHeader | { readonly $ref: string }): boolean {
  if (!("$ref" in header)) return header.required === true;
  return components.headers[header.$ref.replace("#/components/headers/", "")]?.required === true;
}

/** Leaves out the warnings that stand in an answer next to a component: the component is closed, and lacks them. */
function withoutWarnings(body: unknown, schema: JsonSchema): unknown {
  const isExpected = schema.$ref !== undefined && schema.properties?.warnings !== undefined;
  if (!isExpected || typeof body !== "object" || body === null || !("warnings" in body)) return body;
  const { warnings, ...others } = body;
  return z.array(z.string()).min(1).safeParse(warnings).success ? others : body;
}

const validators = new Map<JsonSchema, Validator>();

/** Stricter than the document: an answer has no field that it does not name. */
function validatorFor(schema: JsonSchema): Validator {
  const known = validators.get(schema);
  if (known !== undefined) return known;
  const whole = { ...schema, $defs: components.schemas };
  const closed = JSON.stringify(whole, (_, value) => close(value)).replaceAll(
    "#/components/schemas/",
    "#/$defs/",
  );
  const validator = new Validator(JSON.parse(closed) as Schema, "2020-12", false);
  validators.set(schema, validator);
  return validator;
}

function close(value: unknown): unknown {
  const isOpenObject =
    typeof value === "object" &&
    value !== null &&
    "properties" in value &&
    "type" in value &&
    value.type === "object";
  return isOpenObject && !("additionalProperties" in value)
    ? { ...value, additionalProperties: false }
    : value;
}
