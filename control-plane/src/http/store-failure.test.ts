import { describe, expect, it } from "vitest";
import { isStoreFailure } from "./store-failure.ts";

describe("isStoreFailure", () => {
  it.each([
    ["D1_ERROR: D1 DB is overloaded. Too many requests queued.", true],
    ["D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.", true],
    ["D1_ERROR: Network connection lost.", true],
    ["D1_ERROR: UNIQUE constraint failed: jobs.id: SQLITE_CONSTRAINT", false],
    ["put: We encountered an internal error. Please try again. (10001)", true],
    ["complete: The specified multipart upload does not exist. (10024)", false],
  ])("of %s is %s", (text, is) => {
    expect(isStoreFailure(new Error(text))).toBe(is);
    expect(isStoreFailure(new Error("Failed query: select 1", { cause: new Error(text) }))).toBe(is);
  });
});
