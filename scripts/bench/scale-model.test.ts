import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { describe, expect, it } from "vitest";
import { jobsInD1, limits } from "./scale-model.ts";

describe("what one deployment carries", () => {
  it.each([
    [1, "Dispatchers' events"],
    [23, "Dispatchers' events"],
    [24, "D1's calls"],
    [1000, "D1's calls"],
  ])("with %i pools is bounded by %s", (pools, first) => {
    expect(limits(pools)[0]?.part).toBe(first);
  });

  it("grows with the pools until the database is full", () => {
    const carried = [1, 2, 10, 20, 40, 80].map((pools) => limits(pools)[0]?.jobsPerDay ?? 0);
    expect(carried).toEqual(carried.toSorted((a, b) => a - b));
    expect(carried.at(-1)).toBe(carried.at(-2));
  });

  it("is what docs/scale.md says", async () => {
    const text = await readFile(join(ROOT, "docs", "scale.md"), "utf8");
    for (const pools of [1, 10, 23]) {
      const [first] = limits(pools);
      if (first === undefined) throw new Error("no limit");
      const { part, jobsPerDay, busyGpus } = first;
      const row = `| ${pools} | ${part} | ${jobsPerDay.toLocaleString("en")} | ${busyGpus.toLocaleString("en")} |`;
      expect(text).toContain(row);
    }
    expect(text).toContain(`${(jobsInD1() / 1e6).toFixed(1)} million jobs`);
  });
});
