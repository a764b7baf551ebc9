import { describe, expect, it } from "vitest";
import type { FaultKind } from "./kernel/faults.ts";
import { drawPlan, type Plan } from "./plan.ts";
import type { Outcome } from "./run-seed.ts";
import { explain } from "./shrink.ts";

const PLAN: Plan = {
  ...drawPlan(1),
  operations: [
    { kind: "list", atMs: 0, job: 0 },
    { kind: "cancel", atMs: 1, job: 0 },
    { kind: "status", atMs: 2, job: 0 },
  ],
  faults: { d1_error: 0.1, frame_lost: 0.1, link_cut: 1 },
  faultLimit: Number.MAX_SAFE_INTEGER,
};
/** The faults that strike in a run, if its plan allows them. */
const STRIKES: readonly FaultKind[] = ["link_cut", "frame_lost", "d1_error", "frame_lost", "link_cut"];

/** A fake run: fails on a cancel after lost frames, and differently without the cancel. */
async function run({ seed, operations, faults, faultLimit }: Plan, keepLines: boolean): Promise<Outcome> {
  const struck = STRIKES.filter((kind) => faults[kind] !== undefined).slice(0, faultLimit);
  const cancels = operations.some(({ kind }) => kind === "cancel");
  const invariant = cancels ? "wanted" : "another";
  return {
    seed,
    failure: struck.includes("frame_lost") ? { invariant, finding: "" } : null,
    traceHash: "",
    steps: 0,
    virtualMs: 0,
    struck,
    statuses: [],
    lines: keepLines ? [] : null,
  };
}

describe("a failing plan", () => {
  it("is shrunk to what breaks the same invariant", async () => {
    const { plan, outcome } = await explain(PLAN, run, true);
    expect(plan).toMatchObject({
      operations: [{ kind: "cancel" }],
      faults: { frame_lost: 0.1 },
      faultLimit: 1,
    });
    expect(Object.keys(plan.faults)).toEqual(["frame_lost"]);
    expect(outcome).toMatchObject({ failure: { invariant: "wanted" }, struck: ["frame_lost"], lines: [] });
  });

  it("is not shrunk on request", async () => {
    expect((await explain(PLAN, run, false)).plan).toBe(PLAN);
  });
});

it("a passing plan is not changed", async () => {
  const quiet = { ...PLAN, faults: {} };
  expect((await explain(quiet, run, true)).plan).toBe(quiet);
});
