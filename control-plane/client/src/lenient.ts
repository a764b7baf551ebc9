import { z } from "zod";

const known = new WeakMap<z.core.$ZodType, z.ZodType>();

/**
 * What a schema of an answer says, as far as control planes of other versions keep to it. A newer one may have further
 * values of an enumeration and wider limits: any text or number is taken. An older one lacks newer fields: they are
 * null, empty or false, where the schema allows that.
 */
export function lenient<T extends z.core.$ZodType>(schema: T): z.ZodType<z.output<T>> {
  const converted = known.get(schema) ?? convert(schema as unknown as z.ZodType);
  known.set(schema, converted);
  return converted as z.ZodType<z.output<T>>;
}

function convert(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodObject) return z.object(lenientShape(schema, []));
  if (schema instanceof z.ZodArray) return z.array(lenient(schema.element));
  if (schema instanceof z.ZodRecord) return z.record(z.string(), lenient(schema.valueType));
  if (schema instanceof z.ZodOptional) return lenient(schema.unwrap()).optional();
  if (schema instanceof z.ZodNullable) return lenient(schema.unwrap()).nullable();
  if (schema instanceof z.ZodDefault) return lenient(schema.unwrap()).default(schema.def.defaultValue);
  if (schema instanceof z.ZodDiscriminatedUnion) return lenientUnion(schema);
  if (schema instanceof z.ZodUnion) return z.union(schema.options.map(lenient));
  // Before the schema is applied, a number may be text: what a server sends is a number.
  if (schema instanceof z.ZodPipe && schema.in instanceof z.ZodTransform) return lenient(schema.out);
  switch (schema.type) {
    case "enum":
    case "string":
      return z.string();
    case "number":
      return z.number();
    default:
      return schema;
  }
}

/** @param strict the fields that stay as they are */
function lenientShape({ shape }: z.ZodObject, strict: readonly string[]): z.ZodRawShape {
  const fields = Object.entries(shape).map(([name, field]): [string, z.core.$ZodType] =>
    strict.includes(name) ? [name, field] : [name, whenMissing(field, lenient(field))],
  );
  return Object.fromEntries(fields);
}

/** A field of an answer that may be older than the field. */
function whenMissing(field: z.core.$ZodType, converted: z.ZodType): z.ZodType {
  if (field instanceof z.ZodNullable) return converted.default(null);
  if (field instanceof z.ZodArray) return converted.default([]);
  if (field instanceof z.ZodRecord) return converted.default({});
  if (field instanceof z.ZodBoolean) return converted.default(false);
  return converted;
}

/** The discriminator stays strict. */
function lenientUnion({ options, def }: z.ZodDiscriminatedUnion): z.ZodType {
  const lenientOptions = options.map((option) =>
    option instanceof z.ZodObject ? z.object(lenientShape(option, [def.discriminator])) : lenient(option),
  );
  return z.union(lenientOptions);
}
