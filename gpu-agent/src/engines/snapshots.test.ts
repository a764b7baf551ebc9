import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emptySplatCloud, writeShPly } from "@splatt/formats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newestSnapshot, plySnapshots, removeIncomplete, removeSnapshots } from "./snapshots.ts";

const KIND = plySnapshots("exports", /^export_(\d+)\.ply$/);

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "snapshots-"));
  await mkdir(join(dir, "exports"));
  for (const name of ["export_0900.ply", "export_1000.ply", "final.ply"]) {
    await writeShPly(join(dir, "exports", name), emptySplatCloud(1, 1));
  }
  await writeFile(join(dir, "exports", "export_2000.ply"), "ply\nformat binary_little_endian 1.0\n");
});
afterEach(() => rm(dir, { recursive: true }));

describe("newestSnapshot", () => {
  it("is the complete one of the highest step, by number", async () => {
    expect(await newestSnapshot(dir, KIND)).toEqual({ step: 1000, file: "exports/export_1000.ply" });
    expect(await newestSnapshot(dir, KIND, 900)).toMatchObject({ step: 1000 });
  });

  it("is null when there is none after the step, or no folder", async () => {
    expect(await newestSnapshot(dir, KIND, 1000)).toBeNull();
    expect(await newestSnapshot(join(dir, "none"), KIND)).toBeNull();
  });
});

it("removes truncated snapshots, and nothing else", async () => {
  await removeIncomplete(dir, KIND);
  expect(await readdir(join(dir, "exports"))).toEqual(["export_0900.ply", "export_1000.ply", "final.ply"]);
});

it("removes all snapshots but the one to keep", async () => {
  await removeSnapshots(dir, KIND, "exports/export_0900.ply");
  expect(await readdir(join(dir, "exports"))).toEqual(["export_0900.ply", "final.ply"]);
  await removeSnapshots(dir, KIND, null);
  expect(await readdir(join(dir, "exports"))).toEqual(["final.ply"]);
});
