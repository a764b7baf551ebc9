import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createConfig, lint } from "@redocly/openapi-core";
import { ROOT } from "@splatt/local/local-machine";
import { expect, it } from "vitest";
import { z } from "zod";

const OPENAPI = join(ROOT, "control-plane", "openapi.json");

it("openapi.json is a valid OpenAPI document, whose examples fit their schemas", async () => {
  const config = await createConfig({
    rules: {
      struct: "error",
      "no-unresolved-refs": "error",
      "no-invalid-schema-examples": "error",
      "no-invalid-media-type-examples": "error",
      "operation-operationId-unique": "error",
      "path-declaration-must-exist": "error",
      "path-parameters-defined": "error",
      "no-identical-paths": "error",
      "operation-parameters-unique": "error",
      "security-defined": "error",
    },
  });
  const problems = await lint({ ref: OPENAPI, config });
  expect(problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer])).toEqual(
    [],
  );
});

it("every parameter and every property has a description", async () => {
  const document: unknown = JSON.parse(await readFile(OPENAPI, "utf8"));
  const described = describable(document, "#");
  expect(described.length).toBeGreaterThan(300);
  expect(described.filter(({ description }) => !/^\S.*\.$/s.test(description ?? ""))).toEqual([]);
});

/** What a reader of the contract needs explained, with its description. */
interface Describable {
  readonly at: string;
  readonly description: string | undefined;
}

const Described = z.object({ description: z.string().optional() });
const WithProperties = z.object({
  properties: z.record(z.string(), Described),
  $ref: z.undefined().optional(),
});
const WithParameters = z.object({ parameters: z.array(Described.extend({ name: z.string() })) });

function describable(node: unknown, at: string): Describable[] {
  if (typeof node !== "object" || node === null) return [];
  // Properties next to a reference narrow those of the schema that it names.
  const { properties = {} } = WithProperties.safeParse(node).data ?? {};
  const { parameters = [] } = WithParameters.safeParse(node).data ?? {};
  return [
    ...Object.entries(properties).map(([name, { description }]) => ({ at: `${at}.${name}`, description })),
    ...parameters.map(({ name, description }) => ({ at: `${at}?${name}`, description })),
    ...Object.entries(node)
      .filter(([key]) => key !== "example")
      .flatMap(([key, value]) => describable(value, `${at}/${key}`)),
  ];
}
