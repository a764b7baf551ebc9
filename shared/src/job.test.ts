import { describe, expect, it } from "vitest";
import { FileName, JobOptions, PoolName, resultContentType } from "./job.ts";
import { sameMajor } from "./protocol.ts";
import { naiveUtc, offsetUtc } from "./timestamps.ts";

describe("FileName", () => {
  it.each(["video.mp4", "Ferien 2024 (1).mov", "видео.mp4", "...", ".hidden"])("takes %j", (name) => {
    expect(FileName.safeParse(name).success).toBe(true);
  });
  it.each(["", ".", "..", "a/b", "a\\b", "../x", "a\u0000b", "a\nb", "x".repeat(256), "half \ud83d"])(
    "refuses %j",
    (name) => {
      expect(FileName.safeParse(name).success).toBe(false);
    },
  );
});

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

describe("JobOptions", () => {
  it("reads numbers as pydantic's lax mode does", () => {
    expect(JobOptions.parse({ iterations: "7", fps: " 2.5 ", end_sec: "9" })).toMatchObject({
      iterations: 7,
      fps: 2.5,
      end_sec: 9,
    });
  });
  it.each([{ iterations: "" }, { iterations: "x" }, { iterations: [] }, { fps: true }, { fps: null }])(
    "refuses %j",
    (options) => {
      expect(JobOptions.safeParse(options).success).toBe(false);
    },
  );
});

describe("timestamps", () => {
  it("are UTC to the second, with and without an offset", () => {
    const at = Date.UTC(2024, 1, 22, 10, 30, 0, 999);
    expect(naiveUtc(at)).toBe("2024-02-22T10:30:00");
    expect(offsetUtc(at)).toBe("2024-02-22T10:30:00+00:00");
  });
});

describe("small decisions", () => {
  it.each([
    ["transforms.json", "application/json"],
    ["baked_splat.ply", "application/octet-stream"],
    ["noextension", "application/octet-stream"],
    ["__proto__", "application/octet-stream"],
    ["x.constructor", "application/octet-stream"],
  ])("the content type of %s is %s", (name, type) => {
    expect(resultContentType(name)).toBe(type);
  });
  it.each([
    ["1.0", "1.9", true],
    ["1.0", "2.0", false],
    ["1.0", "10.0", false],
  ])("protocols %s and %s: %s", (a, b, same) => {
    expect(sameMajor(a, b)).toBe(same);
  });
});
