import { describe, expect, it } from "vitest";
import { parseDevice, parseRelease, type Release } from "./release.ts";

describe("parseRelease", () => {
  it.each<[lines: string[], release: Release | null]>([
    [["1.2.0 (git commit bd0400d)"], { version: "1.2.0 (git commit bd0400d)", since12: true }],
    [["1.1.5"], { version: "1.1.5", since12: false }],
    [["a warning", "2.0.1"], { version: "2.0.1", since12: true }],
    [["1.1.4"], null],
    [["1.0.9"], null],
    [["opensplat: error while loading shared libraries: libc10.so"], null],
    [[], null],
  ])("of %j is %j", (lines, release) => {
    expect(parseRelease(lines)).toEqual(release);
  });
});

describe("parseDevice", () => {
  it.each([
    ["Using CUDA", "CUDA"],
    ["Using MPS", "MPS"],
    ["Using CPU", "CPU"],
    ["Using CPU threads", null],
    ["Loading a.jpg", null],
  ])("of %j is %s", (line, device) => {
    expect(parseDevice(line)).toBe(device);
  });
});
