import { describe, expect, it } from "vitest";
import { type DiskReading, hasRoomFor, judgeDisk } from "./disk-watch.ts";

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
    ["with room, and quick", {}, undefined],
    ["that a second write is waiting for", { writeMs: 1900, isWriting: true }, undefined],
    ["with little room", { freeBytes: 31 * MIB }, "full"],
    ["that is small, with a share of it free", { freeBytes: 10 * MIB, totalBytes: 200 * MIB }, undefined],
    ["that is small, with little room", { freeBytes: 7 * MIB, totalBytes: 200 * MIB }, "full"],
    ["that takes no more although it seems to have room", { writeError: "ENOSPC" }, "full"],
    ["over its quota", { writeError: "EDQUOT" }, "full"],
    ["mounted read-only", { writeError: "EROFS" }, "read_only"],
    ["that belongs to somebody else", { writeError: "EACCES" }, "read_only"],
    ["with a fault", { writeError: "EIO" }, "failing"],
    ["that took its time", { writeMs: 3000 }, "slow"],
    ["that takes its time", { writeMs: 3000, isWriting: true }, "slow"],
    ["that hangs", { writeMs: 11_000, isWriting: true }, "failing"],
  ])("%s", (_, reading, kind) => {
    expect(judgeDisk({ ...WELL, ...reading })?.kind).toBe(kind);
  });

  it("keeps a reserve that uploads do not touch", () => {
    expect(hasRoomFor(32 * MIB, 289 * MIB, 100 * GIB)).toBe(true);
    expect(hasRoomFor(32 * MIB, 287 * MIB, 100 * GIB)).toBe(false);
    expect(hasRoomFor(32 * MIB, 50 * MIB, 200 * MIB)).toBe(true);
  });
});
