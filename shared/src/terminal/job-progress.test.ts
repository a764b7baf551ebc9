import { describe, expect, it } from "vitest";
import { duration, JobProgress, type ShownJob } from "./job-progress.ts";

function job(change: Partial<ShownJob>): ShownJob {
  return { status: "queued", progress: 0, message: "", eta_seconds: null, ...change };
}

describe("JobProgress", () => {
  it("shows waiting, finished and running stages", () => {
    const progress = new JobProgress();
    progress.observe(job({ message: "Waiting for an agent" }), 0);
    expect(progress.lines(0)).toEqual(["  · waiting    Waiting for an agent"]);
    progress.observe(job({ status: "downloading_video" }), 1000);
    progress.observe(job({ status: "training", progress: 50, message: "Step 5/10", eta_seconds: 65 }), 4000);
    expect(progress.lines(6000)).toEqual([
      "  ✓ download   3 s",
      "  ▸ training   ████████████░░░░░░░░░░░░  50 %  about 1 min 05 s to go",
      "               2 s  Step 5/10",
    ]);
    progress.observe(job({ status: "completed", progress: 100 }), 9000);
    expect(progress.lines(9000)).toEqual(["  ✓ download   3 s", "  ✓ training   5 s"]);
  });

  it("continues after the job was requeued", () => {
    const progress = new JobProgress();
    progress.observe(job({ status: "training" }), 0);
    progress.observe(job({ status: "queued", message: "again" }), 1000);
    expect(progress.lines(1000)).toEqual(["  ✓ training   1 s", "  · waiting    again"]);
  });
});

describe("duration", () => {
  it.each([
    [0.4, "0 s"],
    [59.4, "59 s"],
    [59.6, "1 min 00 s"],
    [125, "2 min 05 s"],
    [3599, "59 min 59 s"],
    [4810, "1 h 20 min"],
  ])("%f s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it("escapes control characters in messages", () => {
    const progress = new JobProgress();
    progress.observe(job({ message: "\u001b[2J\rgone" }), 0);
    expect(progress.lines(0)).toEqual(["  · waiting    \\u{1b}[2J\\u{d}gone"]);
  });
});
