import { join } from "node:path";
import { createConfig, lint } from "@redocly/openapi-core";
import { ROOT } from "@splatt/local/local-machine";
import { expect, it } from "vitest";

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
  const problems = await lint({ ref: join(ROOT, "control-plane", "openapi.json"), config });
  expect(problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer])).toEqual(
    [],
  );
});
