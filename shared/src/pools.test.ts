import { describe, expect, it } from "vitest";
import { PoolName } from "./pools.ts";

describe("PoolName", () => {
  it.each([
    ["default", true],
    ["gpu-1_a", true],
    ["", false],
    ["Default", false],
    ["-a", false],
    ["a".repeat(64), false],
  ])("%j: %s", (name, valid) => {
    expect(PoolName.safeParse(name).success).toBe(valid);
  });
});
