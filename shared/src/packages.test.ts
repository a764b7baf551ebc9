import { describe, expect, it } from "vitest";
import { isUpdate, joinCommand } from "./packages.ts";

describe("isUpdate", () => {
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
    ["0.1.0+aaaa", "0.1.0+bbbb", true],
    ["0.1.0+aaaa", "0.1.0+aaaa", false],
    ["0.1.0+aaaa", "0.2.0+bbbb", false],
    ["0.2.0+aaaa", "0.1.0", true],
    // A clone has no build, an older control plane names none.
    ["0.1.0+aaaa", "0.1.0", false],
    ["0.1.0", "0.1.0+bbbb", false],
  ])("%s over %s: %s", (version, than, newer) => {
    expect(isUpdate(version, than)).toBe(newer);
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
