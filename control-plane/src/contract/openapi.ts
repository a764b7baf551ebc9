import { PROBLEMS, Problem, type ProblemCode, Warnings } from "@splatt/shared";
import { z } from "zod";
import manifest from "../../package.json" with { type: "json" };
import { inputSchema, type JsonSchema, nameOf, outputSchemas, reference } from "./json-schema.ts";
import { hasWarnings, type Operation, type RawAnswer, TAGS } from "./operation.ts";
import { PATH_PARAMETERS, parameterNames } from "./path-parameters.ts";
import { PROBLEMS_WITHOUT_OPERATION, problemsOf } from "./problems-of.ts";

/** The parts of an OpenAPI 3.1 document that this API uses. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  /** What answers a request that belongs to no operation: an unknown path, or a method that a path does not take. */
  readonly "x-unmatched-requests": OpenApiOperation["responses"];
  readonly components: {
    readonly securitySchemes: Readonly<Record<string, unknown>>;
    readonly headers: Readonly<Record<string, OpenApiHeader>>;
    readonly responses: Readonly<Record<string, OpenApiResponse>>;
    readonly schemas: Readonly<Record<string, JsonSchema>>;
  };
}

export interface OpenApiOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly OpenApiParameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Readonly<Record<string, OpenApiMedia>>;
  };
  readonly responses: Readonly<Record<string, OpenApiResponse | { readonly $ref: string }>>;
}

export interface OpenApiParameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

export interface OpenApiMedia {
  readonly schema?: JsonSchema;
  readonly example?: unknown;
}

export interface OpenApiHeader {
  readonly description: string;
  readonly required?: boolean;
  readonly schema: JsonSchema;
}

export interface OpenApiResponse {
  readonly description: string;
  readonly headers?: Readonly<Record<string, OpenApiHeader | { readonly $ref: string }>>;
  readonly content?: Readonly<Record<string, OpenApiMedia>>;
}

const DESCRIPTION = `Turns videos into 3D Gaussian splats.

Errors are problem documents (RFC 9457) with a stable \`code\`. Unknown body fields and query parameters are ignored, and
named in the \`warnings\` of an answer that is JSON.
Answers may get more fields in later versions. A path that exists answers other methods with 405 and \`Allow\`.`;

const IDEMPOTENCY_KEY: OpenApiParameter = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "A repeated request with the same key gets the first answer instead of creating a second one.",
  // Printable ASCII.
  schema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[ -~]+$" },
};

const IDEMPOTENCY_REPLAYED: OpenApiHeader = {
  description: "`true` when this repeats the answer to an earlier request with the same Idempotency-Key",
  schema: { type: "string", enum: ["true"] },
};

const REQUEST_ID: OpenApiHeader = {
  description: "The id of the request: the one that the request had in this header if it was well-formed",
  required: true,
  schema: { type: "string" },
};
const WITH_REQUEST_ID = { "x-request-id": { $ref: "#/components/headers/RequestId" } };

/** The API's contract as an OpenAPI document. */
export function openApiDocument(operations: readonly Operation[]): OpenApiDocument {
  const json = Object.fromEntries(
    operations.flatMap(({ id, answers }) =>
      Object.entries(answers).flatMap(([status, answer]) =>
        answer instanceof z.ZodType ? [[`${id}${status}`, answer]] : [],
      ),
    ),
  );
  const { answers, components } = outputSchemas({ ...json, problem: Problem });
  const bodies = namedBodies(operations);
  const ambiguous = Object.keys(bodies).find((name) => name in components);
  if (ambiguous !== undefined) throw new Error(`${ambiguous} describes both a body and an answer`);
  const problems = new ProblemResponses();
  const unmatched = problems.add(PROBLEMS_WITHOUT_OPERATION);
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const operation of operations) {
    const responses = problems.add(problemsOf(operation));
    for (const [status, answer] of Object.entries(operation.answers)) {
      const response = toResponse(operation, Number(status), answer, answers[`${operation.id}${status}`]);
      responses[status] = withProblems(response, problems.resolve(responses[status]));
    }
    const path = paths[operation.path] ?? {};
    path[operation.method] = toOperation(operation, responses);
    paths[operation.path] = path;
  }
  return {
    openapi: "3.1.1",
    info: { title: "Splatt", version: manifest.version, description: DESCRIPTION },
    tags: TAGS.filter((tag) => operations.some((operation) => operation.tag === tag)).map((name) => ({
      name,
    })),
    paths,
    "x-unmatched-requests": unmatched,
    components: {
      securitySchemes: {
        apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
        bearer: { type: "http", scheme: "bearer", description: "The same API key." },
      },
      headers: { RequestId: REQUEST_ID },
      responses: problems.responses(),
      schemas: { ...bodies, ...components },
    },
  };
}

function toOperation(operation: Operation, responses: OpenApiOperation["responses"]): OpenApiOperation {
  const { id, tag, summary, description, scope } = operation;
  const parameters = toParameters(operation);
  const needs = scope === null || scope === "any" ? undefined : `Needs the scope \`${scope}\`.`;
  const about = [description, needs].filter((text) => text !== undefined);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(about.length > 0 && { description: about.join("\n\n") }),
    security: scope === null ? [] : [{ apiKey: [] }, { bearer: [] }],
    ...(parameters.length > 0 && { parameters }),
    ...toRequestBody(operation),
    responses,
  };
}

function toParameters({ path, query, headers, creates }: Operation): OpenApiParameter[] {
  const ofPath = parameterNames(path).map((name) => {
    const schema = PATH_PARAMETERS[name];
    if (schema === undefined) throw new Error(`path-parameters.ts does not describe {${name}} of ${path}`);
    return toParameter(name, "path", schema);
  });
  return [
    ...ofPath,
    ...Object.entries(query?.shape ?? {}).map(([name, schema]) => toParameter(name, "query", schema)),
    ...Object.entries(headers?.shape ?? {}).map(([name, schema]) => toParameter(name, "header", schema)),
    ...(creates ? [IDEMPOTENCY_KEY] : []),
  ];
}

function toParameter(name: string, place: OpenApiParameter["in"], type: z.core.$ZodType): OpenApiParameter {
  // Parameters are text anyway, so they are described by what the text must be.
  const { description, ...schema } = inputSchema(type as z.ZodType, { isJsonBody: false });
  return {
    name,
    in: place,
    required: place === "path" || !z.safeParse(type, undefined).success,
    ...(description !== undefined && { description }),
    schema,
  };
}

/** The bodies whose schemas have a name. */
function namedBodies(operations: readonly Operation[]): Record<string, JsonSchema> {
  const bodies = operations.flatMap(({ body }): [string, JsonSchema][] => {
    const name = body === undefined ? undefined : nameOf(body);
    if (body === undefined || name === undefined) return [];
    return [[name, inputSchema(body, { isJsonBody: true })]];
  });
  return Object.fromEntries(bodies);
}

function toRequestBody({
  body,
  bodyOptional,
  rawBody,
  example,
}: Operation): Pick<OpenApiOperation, "requestBody"> {
  if (body !== undefined) {
    const name = nameOf(body);
    const schema = name === undefined ? inputSchema(body, { isJsonBody: true }) : { $ref: reference(name) };
    const media = { schema, ...(example !== undefined && { example }) };
    return { requestBody: { required: bodyOptional !== true, content: { "application/json": media } } };
  }
  return rawBody === undefined
    ? {}
    : { requestBody: { required: bodyOptional !== true, content: { [rawBody]: {} } } };
}

function toResponse(
  operation: Operation,
  status: number,
  answer: z.ZodType | RawAnswer,
  schema: JsonSchema | undefined,
) {
  const headers: [string, OpenApiHeader][] = Object.entries(operation.answerHeaders ?? {}).map(
    ([name, description]) => [name, { description, schema: { type: "string" } }],
  );
  if (operation.creates === true) headers.push(["idempotency-replayed", IDEMPOTENCY_REPLAYED]);
  return {
    description: answer instanceof z.ZodType ? (answer.description ?? "Success") : answer.description,
    headers: { ...Object.fromEntries(headers), ...(status !== 101 && WITH_REQUEST_ID) },
    ...(schema !== undefined && {
      content: {
        "application/json": { schema: lacksWarnings(operation, answer) ? withWarnings(schema) : schema },
      },
    }),
    ...(!(answer instanceof z.ZodType) &&
      answer.content.length > 0 && {
        content: Object.fromEntries(answer.content.map((type) => [type, {}])),
      }),
  };
}

function lacksWarnings(operation: Operation, answer: z.ZodType | RawAnswer): boolean {
  return hasWarnings(operation) && answer instanceof z.ZodObject && !("warnings" in answer.shape);
}

/** An answer's schema with what `nameUnknownInput` adds. */
function withWarnings(schema: JsonSchema): JsonSchema {
  return {
    ...schema,
    properties: { ...schema.properties, ...outputSchemas({ warnings: Warnings }).answers },
  };
}

/** An answer that an operation declares under a status that problems also use. */
function withProblems(answer: OpenApiResponse, problems: OpenApiResponse | undefined): OpenApiResponse {
  if (problems === undefined) return answer;
  return {
    ...answer,
    description: `${answer.description}. ${problems.description}`,
    content: { ...answer.content, ...problems.content },
  };
}

const RETRY_AFTER: OpenApiHeader = {
  description: "Seconds until a retry makes sense",
  schema: { type: "integer", minimum: 0 },
};
/** The headers that every problem of a status has. */
const PROBLEM_HEADERS: Readonly<Record<number, Readonly<Record<string, OpenApiHeader>>>> = {
  401: {
    "www-authenticate": { description: "How to authenticate", required: true, schema: { type: "string" } },
  },
  405: {
    allow: { description: "The methods that the path takes", required: true, schema: { type: "string" } },
  },
  416: {
    "content-range": { description: "The size of the file", required: true, schema: { type: "string" } },
  },
  429: { "retry-after": { ...RETRY_AFTER, required: true } },
  503: { "retry-after": RETRY_AFTER },
  507: { "retry-after": { ...RETRY_AFTER, required: true } },
};

/** The problems of all operations: one shared response for each status and set of codes. */
class ProblemResponses {
  readonly #named = new Map<string, OpenApiResponse>();

  /** @returns references, by status */
  add(codes: readonly ProblemCode[]): Record<string, OpenApiResponse | { $ref: string }> {
    const byStatus = Map.groupBy(new Set(codes), (code) => PROBLEMS[code].status);
    const entries = [...byStatus].map(([status, group]) => {
      const name = group.join(".");
      if (!this.#named.has(name)) this.#named.set(name, toProblemResponse(status, group));
      return [String(status), { $ref: `#/components/responses/${name}` }] as const;
    });
    return Object.fromEntries(entries);
  }

  /** What a reference of `add` refers to. */
  resolve(response: OpenApiResponse | { readonly $ref: string } | undefined): OpenApiResponse | undefined {
    if (response === undefined || !("$ref" in response)) return response;
    return this.#named.get(response.$ref.replace("#/components/responses/", ""));
  }

  responses(): Record<string, OpenApiResponse> {
    return Object.fromEntries([...this.#named].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function toProblemResponse(status: number, codes: readonly ProblemCode[]): OpenApiResponse {
  const [first = "internal_error"] = codes;
  const { title, hint } = PROBLEMS[first];
  const detail = first === "invalid_request" ? EXAMPLE_ISSUES : title;
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(" "),
    headers: { ...PROBLEM_HEADERS[status], ...WITH_REQUEST_ID },
    content: {
      "application/problem+json": {
        schema: { $ref: reference("Problem"), properties: { code: { enum: [...codes] } } },
        example: {
          type: "about:blank",
          title,
          status,
          detail,
          code: first,
          hint,
          request_id: "4f0d1c",
        } satisfies Problem,
      },
    },
  };
}

const EXAMPLE_ISSUES = [
  { loc: ["body", "fps"], msg: "Too big: expected number to be <=120", type: "less_than_equal" },
];
