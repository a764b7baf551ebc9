import * as shared from "@splatt/shared";
import { NUMERIC_TEXT } from "@splatt/shared";
import { z } from "zod";

/** A JSON Schema of draft 2020-12, as OpenAPI 3.1 embeds it. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/**
 * The schemas that `@splatt/shared` exports; in the contract, each has the name of its export. Those of single fields,
 * which may be absent or null, are described where the fields are.
 */
const NAMES: ReadonlyMap<unknown, string> = new Map(
  Object.entries(shared).flatMap(([name, value]): [unknown, string][] =>
    value instanceof z.ZodType && !(value instanceof z.ZodOptional || value instanceof z.ZodNullable)
      ? [[value, name]]
      : [],
  ),
);

/** No text that a client sends may have one (`readJson`). */
const WITHOUT_NUL = "^[^\\u0000]*$";

/**
 * What a client may send, with all parts in place.
 *
 * @param isJsonBody a JSON body has numbers as text too; a parameter is text anyway
 */
export function inputSchema(schema: z.ZodType, { isJsonBody }: { isJsonBody: boolean }): JsonSchema {
  const { $schema: _, ...converted } = z.toJSONSchema(schema, {
    io: "input",
    reused: "inline",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const { def } = zodSchema._zod;
      if (def.type === "default") jsonSchema.default = def.defaultValue as never;
      if (isJsonBody && isLaxNumber(def)) {
        Object.assign(jsonSchema, { type: [jsonSchema.type, "string"], pattern: NUMERIC_TEXT.source });
      }
      const isFreeText = jsonSchema.type === "string" && !("enum" in jsonSchema) && !("const" in jsonSchema);
      if (isFreeText && jsonSchema.format === undefined) jsonSchema.pattern ??= WITHOUT_NUL;
      tidy(jsonSchema);
    },
  });
  return converted;
}

/** A number behind a preprocessing step: the step takes strings too. */
function isLaxNumber(def: z.core.$ZodTypeDef): boolean {
  if (def.type !== "pipe") return false;
  const { in: before, out } = def as z.core.$ZodPipeDef;
  return before._zod.def.type === "transform" && out._zod.def.type === "number";
}

/** What the API answers. Named schemas are references into `components.schemas`. */
export function outputSchemas(schemas: Readonly<Record<string, z.ZodType>>): {
  readonly answers: Readonly<Record<string, JsonSchema>>;
  readonly components: Readonly<Record<string, JsonSchema>>;
} {
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of NAMES) registry.add(schema as z.ZodType, { id });
  for (const [key, schema] of Object.entries(schemas)) {
    if (!NAMES.has(schema) && !registry.has(schema)) registry.add(schema, { id: key });
  }
  const converted = z.toJSONSchema(registry, {
    io: "output",
    uri: reference,
    unrepresentable: "any",
    override: ({ jsonSchema }) => tidy(jsonSchema),
  }).schemas;
  const component = (name: string): JsonSchema => {
    const { $schema: _, $id: __, ...schema } = converted[name] ?? {};
    return schema;
  };
  const answers = Object.entries(schemas).map(([key, schema]) => {
    const name = NAMES.get(schema);
    return [key, name === undefined ? component(key) : { $ref: reference(name) }] as const;
  });
  const used = reachable(Object.fromEntries(answers), component);
  return {
    answers: Object.fromEntries(answers),
    components: Object.fromEntries([...used].toSorted().map((name) => [name, component(name)])),
  };
}

/** The name of a schema that `@splatt/shared` exports. */
export function nameOf(schema: z.ZodType): string | undefined {
  return NAMES.get(schema);
}

export function reference(name: string): string {
  return `#/components/schemas/${name}`;
}

/** The components that a schema refers to, directly or through others. */
function reachable(from: unknown, component: (name: string) => JsonSchema): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (value: unknown) => {
    for (const [, name = ""] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (names.has(name)) continue;
      names.add(name);
      visit(component(name));
    }
  };
  visit(from);
  return names;
}

/** Removes what says nothing to a reader. Answers may get more fields, so objects are not closed. */
function tidy(schema: JsonSchema): void {
  if (schema.format === "uuid") delete schema.pattern;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.additionalProperties === false) delete schema.additionalProperties;
}
