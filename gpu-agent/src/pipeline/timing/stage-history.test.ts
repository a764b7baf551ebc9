import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KEPT_RUNS, remember, StageHistory, type StageRun } from "./stage-history.ts";
import { STRAIGHT } from "./stage-shape.ts";

function run(working: number, group = "a"): StageRun {
  return { stage: "poses", group, units: 1, preparing: 0, working, shape: [...STRAIGHT] };
}

describe("remember", () => {
  it("keeps the latest runs of each group", () => {
    let runs: StageRun[] = [run(-1, "b")];
    for (let i = 0; i < KEPT_RUNS + 3; i++) runs = remember(runs, run(i));
    expect(runs.filter(({ group }) => group === "a").map(({ working }) => working)).toEqual(
      Array.from({ length: KEPT_RUNS }, (_, i) => i + 3),
    );
    expect(runs.filter(({ group }) => group === "b")).toHaveLength(1);
  });
});

describe("StageHistory", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "splatt-history-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it("survives a restart, including runs that were added concurrently", async () => {
    const path = join(dir, "new", "stage-history.json");
    const history = await StageHistory.load(path);
    await Promise.all([history.add(run(1)), history.add(run(2)), history.add(run(3))]);
    expect((await StageHistory.load(path)).runs).toEqual([run(1), run(2), run(3)]);
    expect(await readdir(join(dir, "new"))).toEqual(["stage-history.json"]);
  });

  it.each([
    ["is no JSON", "{"],
    ["is of another version", JSON.stringify({ version: 2, runs: [] })],
    ["has a run that makes no sense", JSON.stringify({ version: 1, runs: [{ ...run(1), shape: [1] }] })],
  ])("starts empty when the file %s", async (_, text) => {
    const path = join(dir, "stage-history.json");
    await writeFile(path, text);
    const history = await StageHistory.load(path);
    expect(history.runs).toEqual([]);
    await history.add(run(5));
    expect(JSON.parse(await readFile(path, "utf8")).runs).toHaveLength(1);
  });

  it("keeps in memory what it could not write", async () => {
    const path = join(dir, "file", "stage-history.json");
    await writeFile(join(dir, "file"), "");
    const history = await StageHistory.load(path);
    await history.add(run(5));
    expect(history.runs).toHaveLength(1);
  });
});
