import { describe, expect, it } from "vitest";
import { isNewerVersion, joinCommand } from "./packages.ts";

describe("isNewerVersion", () => {
  it.each([
    ["0.2.0", "0.1.9", true],
    ["0.10.0", "0.9.0", true],
    ["1.0.0", "0.99.99", true],
    ["0.1.1", "0.1.0", true],
    ["0.1.0", "0.1.0", false],
    ["0.1.0", "0.2.0", false],
    ["0.9.0", "0.10.0", false],
    ["0", "0.1.0", false],
    ["next", "0.1.0", false],
    ["0.2.0", "unknown", false],
  ])("%s over %s: %s", (version, than, newer) => {
    expect(isNewerVersion(version, than)).toBe(newer);
  });
});

describe("joinCommand", () => {
  it("names the package that this control plane serves", () => {
    expect(joinCommand("https://splatt.example.com/", "t.0k-en_")).toBe(
      "npx --yes https://splatt.example.com/dist/splatt-agent.tgz join https://splatt.example.com --token t.0k-en_",
    );
    expect(joinCommand("http://localhost:8080", "t")).toContain(
      " http://localhost:8080/dist/splatt-agent.tgz join ",
    );
  });
});
