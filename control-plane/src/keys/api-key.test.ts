import { expect, it } from "vitest";
import { isWellFormedKey, newApiKey } from "./api-key.ts";

it("makes keys of one form, each another", async () => {
  const keys = await Promise.all(Array.from({ length: 200 }, newApiKey));
  for (const key of keys) {
    expect(key).toMatch(/^splatt_[0-9A-Za-z]{49}$/);
    expect(await isWellFormedKey(key)).toBe(true);
  }
  expect(new Set(keys).size).toBe(keys.length);
});

it("recognizes every change of one character", async () => {
  const key = await newApiKey();
  for (let at = 0; at < key.length; at++) {
    const other = key[at] === "x" ? "y" : "x";
    expect(await isWellFormedKey(key.slice(0, at) + other + key.slice(at + 1))).toBe(false);
  }
  expect(await isWellFormedKey(`${key}x`)).toBe(false);
  expect(await isWellFormedKey(key.slice(1))).toBe(false);
  expect(await isWellFormedKey("")).toBe(false);
});
