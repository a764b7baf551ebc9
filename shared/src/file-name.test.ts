import { describe, expect, it } from "vitest";
import { FileName } from "./file-name.ts";

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
