import { describe, expect, it } from "vitest";
import { CompleteResultUpload, expectedPartSize, MAX_UPLOAD_BYTES, planParts } from "./uploads.ts";

describe("planParts", () => {
  it.each([
    [0, []],
    [1, [1]],
    [10, [10]],
    [11, [10, 1]],
    [30, [10, 10, 10]],
  ])("cuts %i bytes into parts of 10", (size, sizes) => {
    const parts = planParts(size, 10);
    expect(parts.map((part) => part.size)).toEqual(sizes);
    expect(parts.map((part) => part.number)).toEqual(sizes.map((_, index) => index + 1));
    for (const part of parts) {
      expect(part.offset).toBe((part.number - 1) * 10);
      expect(expectedPartSize(part.number, size, 10)).toBe(part.size);
    }
  });
});

describe("expectedPartSize", () => {
  it.each([0, -1, 4, 1.5, Number.NaN])("knows no part %d of 30 bytes in parts of 10", (number) => {
    expect(expectedPartSize(number, 30, 10)).toBeNull();
  });
});

describe("the parts of a result", () => {
  it.each([
    [[1, 2], true],
    [[1, 1], false],
    [[], false],
  ])("%j are taken: %s", (numbers, ok) => {
    const parts = numbers.map((part_number) => ({ part_number, etag: "e" }));
    expect(CompleteResultUpload.safeParse({ parts }).success).toBe(ok);
  });
});

describe("the largest upload", () => {
  it("fits into the parts that R2 allows", () => {
    expect(planParts(MAX_UPLOAD_BYTES, 32 * 1024 * 1024)).toHaveLength(10_000);
  });
});
