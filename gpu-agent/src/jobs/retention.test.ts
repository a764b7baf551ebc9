import { describe, expect, it } from "vitest";
import { byteBudget, chooseRemovals } from "./retention.ts";

const GIB = 1024 ** 3;
const JOBS = [
  { jobId: "newest", endedAt: 30, bytes: 5 },
  { jobId: "oldest", endedAt: 10, bytes: 1 },
  { jobId: "middle", endedAt: 20, bytes: 3 },
];

describe("chooseRemovals", () => {
  it.each([
    ["nothing while all fits", { keepJobs: 3, maxBytes: 9 }, 0, []],
    ["the oldest beyond the number kept", { keepJobs: 1, maxBytes: 100 }, 0, ["oldest", "middle"]],
    ["the oldest until the rest fits", { keepJobs: 3, maxBytes: 8 }, 0, ["oldest"]],
    ["a small old one before a large young one", { keepJobs: 3, maxBytes: 5 }, 0, ["oldest", "middle"]],
    [
      "all when running jobs alone fill the workspace",
      { keepJobs: 3, maxBytes: 8 },
      20,
      ["oldest", "middle", "newest"],
    ],
    ["no more than needed with running jobs", { keepJobs: 3, maxBytes: 12 }, 4, ["oldest"]],
    ["all when none is kept", { keepJobs: 0, maxBytes: 100 }, 0, ["oldest", "middle", "newest"]],
  ])("removes %s", (_, limits, othersBytes, removed) => {
    expect(chooseRemovals(JOBS, othersBytes, limits).map(({ jobId }) => jobId)).toEqual(removed);
  });
});

describe("byteBudget", () => {
  it.each([
    ["is the limit on a disk with room", 50 * GIB, 10 * GIB, 500 * GIB, 50 * GIB],
    ["is less when the disk runs full", 50 * GIB, 10 * GIB, 2 * GIB, 7 * GIB],
    ["lets the workspace grow only as far as the disk allows", 50 * GIB, 10 * GIB, 6 * GIB, 11 * GIB],
    ["is zero on a full disk", 50 * GIB, 1 * GIB, 0, 0],
  ])("%s", (_, maxBytes, used, free, budget) => {
    expect(byteBudget(maxBytes, used, free)).toBe(budget);
  });
});
