import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { jpegQuality } from "./jpeg-quality.ts";

const grey = sharp({ create: { width: 16, height: 16, channels: 3, background: "#777" } });

describe("jpegQuality", () => {
  it.each([30, 50, 75, 90, 96])("finds the quality %i that an image was encoded with", async (quality) => {
    const found = jpegQuality(await grey.clone().jpeg({ quality }).toBuffer());
    expect(Math.abs((found ?? 0) - quality)).toBeLessThanOrEqual(1);
  });

  it.each([
    ["a PNG", async () => grey.clone().png().toBuffer()],
    ["nothing", async () => Buffer.alloc(0)],
    ["a truncated JPEG", async () => (await grey.clone().jpeg().toBuffer()).subarray(0, 30)],
    ["a segment that claims no length", async () => Buffer.from([0xff, 0xd8, 0xff, 0xdb, 0, 0, 0, 0])],
  ])("is null for %s", async (_, bytes) => {
    expect(jpegQuality(await bytes())).toBeNull();
  });
});
