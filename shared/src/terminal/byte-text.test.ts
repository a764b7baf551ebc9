import { describe, expect, it } from "vitest";
import { byteText, parseBytes } from "./byte-text.ts";

describe("byteText", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1.5 * 1024 ** 3, "1.5 GiB"],
    [5000 * 1024 ** 4, "5000.0 TiB"],
  ])("%d is %s", (bytes, text) => {
    expect(byteText(bytes)).toBe(text);
  });
});

describe("parseBytes", () => {
  it.each([
    ["500000000", 5e8],
    ["20GB", 20e9],
    ["20 gb", 20e9],
    ["1.5 GiB", 1.5 * 1024 ** 3],
    ["800M", 8e8],
    ["0", 0],
    ["12 B", 12],
  ])("reads %j", (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each(["", "GB", "-1", "1e9", "20 XB", "20iB", "many"])("does not read %j", (text) => {
    expect(parseBytes(text)).toBeNull();
  });
});
