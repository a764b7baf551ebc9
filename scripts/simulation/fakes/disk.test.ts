import { describe, expect, it } from "vitest";
import { Random } from "../kernel/random.ts";
import { Disk } from "./disk.ts";

const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);

/** A disk with one durable file, which is then atomically replaced, as programs do. */
function replaceFile({ syncs, seed }: { syncs: boolean; seed: number }): string | null {
  let now = 0;
  const disk = new Disk(() => now, { syncSavesNames: false });
  disk.makeFolder("/d");
  const old = disk.create("/d/file");
  disk.write(old, Buffer.from("old"));
  disk.sync(old);
  disk.syncNames();
  now = 100_000;
  const fresh = disk.create("/d/file.tmp");
  disk.write(fresh, Buffer.from("new"));
  if (syncs) disk.sync(fresh);
  disk.rename("/d/file.tmp", "/d/file");
  disk.powerCut(new Random(seed, "power"));
  return disk.find("/d/file") === undefined ? null : disk.file("/d/file").data.toString();
}

describe("a power cut", () => {
  it("leaves the whole old or the whole new text of a file that was synced before the rename", () => {
    const left = new Set(SEEDS.map((seed) => replaceFile({ syncs: true, seed })));
    expect(left).toEqual(new Set(["old", "new"]));
  });

  it("may tear a file that was not synced", () => {
    const left = new Set(SEEDS.map((seed) => replaceFile({ syncs: false, seed })));
    expect(left).toEqual(new Set(["old", "new", "", "n", "ne"]));
  });

  it("keeps what was written long before", () => {
    let now = 0;
    const disk = new Disk(() => now, { syncSavesNames: false });
    disk.makeFolder("/d");
    disk.write(disk.create("/d/file"), Buffer.from("text"));
    now = 60_000;
    disk.powerCut(new Random(1, "power"));
    expect(disk.file("/d/file").data.toString()).toBe("text");
  });
});
