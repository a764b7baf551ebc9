import { describe, expect, it } from "vitest";
import { demoOutcome, type PlatformResult, testOutcome, versionIn, withResults } from "./platform-table.ts";

const RESULT: PlatformResult = {
  platform: "Debian 13",
  date: "2026-11-28",
  commit: "abc1234",
  node: "20.19.2",
  ffmpeg: "7.1.5",
  colmap: "3.10",
  demo: "40 of 40 cameras, 29.9 dB",
  test: "2346 passed, 0 failed",
};
const EMPTY = "# Platforms\n\n<!-- matrix -->\n\n\n<!-- end -->\n\nMore text.\n";

describe("withResults", () => {
  it("adds a row and keeps the text around the table", () => {
    const document = withResults(EMPTY, [RESULT]);
    expect(document).toContain("| Debian 13 | 20.19.2 | 7.1.5 | 3.10 | 40 of 40 cameras, 29.9 dB |");
    expect(document.startsWith("# Platforms\n")).toBe(true);
    expect(document.endsWith("\n\nMore text.\n")).toBe(true);
  });

  it("replaces the row of a platform and keeps the others in their order", () => {
    const first = withResults(EMPTY, [{ ...RESULT, platform: "Debian 12" }, RESULT]);
    const second = withResults(first, [{ ...RESULT, platform: "Debian 12", demo: "failed (exit code 1)" }]);
    const platforms = second.match(/^\| Debian [^|]*\|/gm);
    expect(platforms).toEqual(["| Debian 12 |", "| Debian 13 |"]);
    expect(second).toContain("failed (exit code 1)");
  });
});

describe("the outcome of the commands", () => {
  it.each([
    ["ffmpeg version 7.1.5-0+deb13u1 Copyright", "7.1.5"],
    ["COLMAP 3.10 -- Structure-from-Motion", "3.10"],
    ["v24.22.2", "24.22.2"],
    ["sh: 1: ffmpeg: not found", "none"],
  ])("%s is version %s", (output, version) => expect(versionIn(output)).toBe(version));

  it("rejects a demo that exits with 0 but shows no result", () => {
    expect(demoOutcome(0, "cameras  40 of 40 (good)\nquality  29.92 dB over 5 frames, 640×360")).toBe(
      "40 of 40 cameras, 29.9 dB",
    );
    expect(demoOutcome(0, "nothing")).toBe("failed (exit code 0)");
    expect(demoOutcome(1, "40 of 40 (good), 29.92 dB over 5 frames")).toBe("failed (exit code 1)");
  });

  it("reads the test counts from the last line", () => {
    expect(testOutcome(1, `1 passed, 1 failed${"\n".repeat(20)}12 passed, 3 failed\n`)).toBe(
      "12 passed, 3 failed",
    );
    expect(testOutcome(1, "Cannot find module")).toBe("failed (exit code 1)");
  });
});
