import type { JsonSchema } from "../contract/json-schema.ts";
import type {
  OpenApiDocument,
  OpenApiOperation,
  OpenApiParameter,
  OpenApiResponse,
} from "../contract/openapi.ts";
import { curlExample } from "./curl-example.ts";

/** The contract as people read it: docs/api.md and the page `/docs` show the same. */
export interface Reference {
  readonly groups: readonly { readonly name: string; readonly endpoints: readonly Endpoint[] }[];
  /** The objects that answers consist of. */
  readonly objects: readonly { readonly name: string; readonly fields: readonly Field[] }[];
}

export interface Endpoint {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly description: string | null;
  readonly curl: string;
  readonly parameters: readonly Field[];
  readonly body: readonly Field[];
  readonly answers: readonly Answer[];
  /** Its own problem codes; those that any endpoint may answer with are left out. */
  readonly problems: readonly string[];
}

export interface Field {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
  /** As JSON. */
  readonly default: string | null;
  readonly description: string;
}

export interface Answer {
  readonly status: string;
  readonly description: string;
  /** An object's name, or media types. */
  readonly content: string;
}

export function referenceOf(contract: OpenApiDocument): Reference {
  const document = withValuesInPlace(contract);
  const everywhere = new Set([
    ...Object.values(document["x-unmatched-requests"]).flatMap((response) => codesOf(document, response)),
    ...["scope_missing", "invalid_request", "idempotency_key_reused"],
  ]);
  const endpoints = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      tag: operation.tags[0],
      endpoint: toEndpoint(document, everywhere, method, path, operation),
    })),
  );
  return {
    groups: document.tags.map(({ name }) => ({
      name,
      endpoints: endpoints.filter(({ tag }) => tag === name).map(({ endpoint }) => endpoint),
    })),
    objects: Object.entries(document.components.schemas)
      .filter(([, schema]) => schema.properties !== undefined)
      .map(([name, schema]) => ({ name, fields: fieldsOf(schema) })),
  };
}

/** The contract with the values of named lists, such as the statuses, written out where they are used. */
function withValuesInPlace(contract: OpenApiDocument): OpenApiDocument {
  return JSON.parse(JSON.stringify(contract), (_, value: JsonSchema | null) => {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(value?.$ref ?? "")?.[1] ?? "";
    const named = contract.components.schemas[name];
    if (named === undefined || named.properties !== undefined) return value;
    const { $ref: _ref, ...rest } = value ?? {};
    return { ...named, ...rest };
  }) as OpenApiDocument;
}

function toEndpoint(
  document: OpenApiDocument,
  everywhere: ReadonlySet<string>,
  method: string,
  path: string,
  operation: OpenApiOperation,
): Endpoint {
  const responses = Object.entries(operation.responses);
  const [success] = responses.filter(([status]) => status < "300");
  return {
    id: operation.operationId,
    method: method.toUpperCase(),
    path,
    summary: operation.summary,
    description: operation.description ?? null,
    curl: curlExample(method, path, operation),
    parameters: (operation.parameters ?? []).filter((parameter) => parameter.in !== "path").map(toParameter),
    body: fieldsOf(dereference(document, operation.requestBody?.content["application/json"]?.schema ?? {})),
    answers: responses
      .filter(([status]) => status < "400")
      .map(([status, response]) => toAnswer(status, resolve(document, response))),
    problems:
      success === undefined
        ? []
        : responses
            .flatMap(([, response]) => codesOf(document, response))
            .filter((code) => !everywhere.has(code)),
  };
}

function toParameter({ name, in: place, required, description, schema }: OpenApiParameter): Field {
  const type = place === "header" ? `header, ${typeText(schema)}` : typeText(schema);
  return { name, type, isRequired: required, default: defaultText(schema), description: description ?? "" };
}

function toAnswer(status: string, { description, content = {} }: OpenApiResponse): Answer {
  const json = content["application/json"]?.schema;
  return {
    status,
    description,
    content: json === undefined ? Object.keys(content).join(", ") : typeText(json),
  };
}

function fieldsOf(schema: JsonSchema): Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    if (typeof property === "boolean") return [];
    return [
      {
        name,
        type: typeText(property),
        isRequired: schema.required?.includes(name) ?? false,
        default: defaultText(property),
        description: property.description ?? "",
      },
    ];
  });
}

function defaultText(schema: JsonSchema): string | null {
  return schema.default === undefined ? null : JSON.stringify(schema.default);
}

/** A type in a few words. Names of objects are in brackets: `[JobView]`. */
export function typeText(schema: JsonSchema): string {
  if (schema.$ref !== undefined) return `[${schema.$ref.split("/").at(-1)}]`;
  const variants = (schema.anyOf ?? schema.oneOf)?.map((variant) => typeText(variant as JsonSchema));
  if (variants !== undefined) return [...new Set(variants)].join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) {
    // Empty means no filter.
    const values = schema.enum.filter((value) => value !== "");
    return values.length > 12 ? "a code" : values.join(" | ");
  }
  const types = Array.isArray(schema.type) ? schema.type : [schema.type ?? "any"];
  // A number may also be sent as text, which is said once for all fields.
  const named = types.filter(
    (type) => !(type === "string" && types.some((other) => /number|integer/.test(other))),
  );
  return named.map((type) => `${typeName(type, schema)}`).join(" or ");
}

function typeName(type: string, schema: JsonSchema): string {
  if (type === "array") return `list of ${typeText((schema.items ?? {}) as JsonSchema)}`;
  if (type === "object" && typeof schema.additionalProperties === "object") {
    return `object of ${typeText(schema.additionalProperties)} by name`;
  }
  if (type === "number" || type === "integer") return `${type}${rangeText(schema)}`;
  return schema.format === undefined ? type : `${type} (${schema.format})`;
}

function rangeText({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  const least = minimum ?? exclusiveMinimum;
  if (least !== undefined && maximum !== undefined) return ` ${least} to ${maximum}`;
  if (least !== undefined) return exclusiveMinimum === undefined ? ` ≥ ${least}` : ` > ${least}`;
  return maximum === undefined ? "" : ` ≤ ${maximum}`;
}

function codesOf(document: OpenApiDocument, response: OpenApiResponse | { readonly $ref: string }): string[] {
  const schema = resolve(document, response).content?.["application/problem+json"]?.schema;
  const code = schema?.properties?.code;
  return typeof code === "object" ? (code.enum ?? []).map(String) : [];
}

function resolve(
  document: OpenApiDocument,
  response: OpenApiResponse | { readonly $ref: string },
): OpenApiResponse {
  if (!("$ref" in response)) return response;
  return document.components.responses[response.$ref.split("/").at(-1) ?? ""] ?? { description: "" };
}

function dereference(document: OpenApiDocument, schema: JsonSchema): JsonSchema {
  return document.components.schemas[schema.$ref?.split("/").at(-1) ?? ""] ?? schema;
}
