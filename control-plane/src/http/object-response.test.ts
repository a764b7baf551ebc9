import { describe, expect, it } from "vitest";
import { parseRange } from "./object-response.ts";

describe("parseRange", () => {
  it.each([
    [null, "whole"],
    ["bytes=0-", { offset: 0, length: 10 }],
    ["bytes=0-9", { offset: 0, length: 10 }],
    ["bytes=0-99", { offset: 0, length: 10 }],
    ["bytes=3-5", { offset: 3, length: 3 }],
    ["bytes=9-9", { offset: 9, length: 1 }],
    ["Bytes=3-5", { offset: 3, length: 3 }],
    ["bytes=-4", { offset: 6, length: 4 }],
    ["bytes=-99", { offset: 0, length: 10 }],
    ["bytes=10-", "unsatisfiable"],
    ["bytes=10-11", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=5-3", "whole"],
    ["bytes=0-1,3-4", "whole"],
    ["items=0-1", "whole"],
    ["bytes=-", "whole"],
    ["bytes=a-b", "whole"],
  ])("%s of 10 bytes", (header, expected) => {
    expect(parseRange(header, 10)).toEqual(expected);
  });
});
