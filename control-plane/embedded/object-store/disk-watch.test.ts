import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type DiskReading, DiskWatch, hasRoomFor, judgeDisk } from "./disk-watch.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const WELL: DiskReading = {
  freeBytes: 10 * GIB,
  totalBytes: 100 * GIB,
  writeError: null,
  writeMs: 3,
  isWriting: false,
};

describe("a disk", () => {
  it.each<[string, Partial<DiskReading>, string | undefined]>([
    ["with free space, and fast", {}, undefined],
    ["with a write in progress", { writeMs: 1900, isWriting: true }, undefined],
    ["with little free space", { freeBytes: 31 * MIB }, "full"],
    [
      "that is small, with enough free space for its size",
      { freeBytes: 10 * MIB, totalBytes: 200 * MIB },
      undefined,
    ],
    ["that is small, with little free space", { freeBytes: 7 * MIB, totalBytes: 200 * MIB }, "full"],
    ["that refuses writes although it reports free space", { writeError: "ENOSPC" }, "full"],
    ["over its quota", { writeError: "EDQUOT" }, "full"],
    ["mounted read-only", { writeError: "EROFS" }, "read_only"],
    ["owned by another user", { writeError: "EACCES" }, "read_only"],
    ["with a fault", { writeError: "EIO" }, "failing"],
    ["after a slow write", { writeMs: 3000 }, "slow"],
    ["during a slow write", { writeMs: 3000, isWriting: true }, "slow"],
    ["that hangs", { writeMs: 11_000, isWriting: true }, "failing"],
  ])("%s", (_, reading, kind) => {
    expect(judgeDisk({ ...WELL, ...reading })?.kind).toBe(kind);
  });

  it("keeps a reserve that uploads cannot use", () => {
    expect(hasRoomFor(32 * MIB, 289 * MIB, 100 * GIB)).toBe(true);
    expect(hasRoomFor(32 * MIB, 287 * MIB, 100 * GIB)).toBe(false);
    expect(hasRoomFor(32 * MIB, 50 * MIB, 200 * MIB)).toBe(true);
  });
});

it("a watch that has stopped writes nothing more to its folder", async () => {
  const dir = await mkdtemp(join(tmpdir(), "splatt-disk-"));
  const watch = new DiskWatch(dir, () => undefined);
  let isLooking = true;
  void watch.look().then(() => {
    isLooking = false;
  });
  await watch.stop();
  expect(isLooking).toBe(false);
  await rm(dir, { recursive: true });
});
