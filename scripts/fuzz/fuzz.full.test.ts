import { join } from "node:path";
import { startLocalStack } from "@splatt/e2e/local-stack";
import { pythonTools } from "@splatt/e2e/python-tools";
import { ROOT } from "@splatt/local/local-machine";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { fuzzApi } from "./fuzz-api.ts";

const python = await pythonTools();

describe.skipIf(python === null)("the contract, for Python's tools", () => {
  it("is a valid OpenAPI document", async () => {
    const path = join(ROOT, "control-plane", "openapi.json");
    const { stdout } = await execa(python ?? "", ["-m", "openapi_spec_validator", path]);
    expect(stdout).toBe(`${path}: OK`);
  });

  it("describes every answer to a thousand generated requests", { timeout: 600_000 }, async () => {
    const stack = await startLocalStack();
    try {
      const { requests, findings } = await fuzzApi(python ?? "", stack, 10, 1);
      expect(findings).toEqual([]);
      expect(requests).toBeGreaterThan(300);
    } finally {
      await stack.stop();
    }
  });
});
