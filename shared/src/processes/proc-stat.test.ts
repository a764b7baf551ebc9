import { describe, expect, it } from "vitest";
import { parseProcStat } from "./proc-stat.ts";

describe("parseProcStat", () => {
  const rest = Array.from({ length: 40 }, (_, index) => index + 4).join(" ");
  it.each([
    ["workerd", "workerd"],
    ["a name with spaces", "a name with spaces"],
    [") R (", ") R ("],
  ])("reads the process named %s", (name, command) => {
    expect(parseProcStat(`123 (${name}) S ${rest}\n`)).toEqual({
      pid: 123,
      command,
      state: "S",
      startTime: 22,
    });
  });

  it("does not take anything else for a process", () => {
    expect(parseProcStat("")).toBeNull();
  });
});
