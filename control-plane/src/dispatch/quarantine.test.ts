import { type FailureCode, isHostFailure, isSuspectFailure } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import type { HostFault } from "../db/schema.ts";
import { afterFailure, afterSuccess, type FaultRecord, NO_FAULTS, quarantineText } from "./quarantine.ts";

const LIMIT = 3;
/** The record after jobs ended so: `input:code`, or `ok`. The time is the number of the job, from 1. */
function recordAfter(...ends: readonly string[]): FaultRecord {
  return ends.reduce<FaultRecord>((record, end, index) => {
    if (end === "ok") return afterSuccess(record);
    const [input = "", code] = end.split(":");
    const fault: HostFault = { jobId: `job-${index}`, input, code: code as FailureCode, at: index + 1 };
    return afterFailure(record, fault, LIMIT);
  }, NO_FAULTS);
}

describe("an agent is quarantined", () => {
  it.each<[string, string[], number | null]>([
    ["by three inputs that failed in a row", ["a:disk_full", "b:disk_full", "c:disk_full"], 3],
    ["whatever their codes", ["a:disk_full", "b:training_failed", "c:colmap_failed"], 3],
    ["not by two", ["a:disk_full", "b:disk_full"], null],
    [
      "not by one input that failed often",
      ["a:disk_full", "a:disk_full", "a:disk_full", "a:disk_full"],
      null,
    ],
    [
      "by the third input, however often the others failed",
      ["a:out_of_memory", "a:disk_full", "b:disk_full", "a:disk_full", "c:disk_full"],
      5,
    ],
    ["not when a job was completed between", ["a:disk_full", "b:disk_full", "ok", "c:disk_full"], null],
    ["not by what the videos explain", ["a:video_corrupt", "b:poses_unusable", "c:too_few_frames"], null],
    [
      "not by a video's server, which fails for every agent",
      ["a:source_unreachable", "b:source_stalled", "c:source_server_error"],
      null,
    ],
    [
      "not by a control plane that takes no uploads",
      ["a:upload_failed", "b:upload_failed", "c:upload_failed"],
      null,
    ],
    [
      "also with bad videos between, which say nothing about it",
      ["a:disk_full", "v:video_corrupt", "b:disk_full", "w:image_still", "c:disk_full"],
      5,
    ],
    [
      "until its owner looks: a job that it completes afterwards does not end it",
      ["a:disk_full", "b:disk_full", "c:disk_full", "ok"],
      3,
    ],
    [
      "since the failure that was one too many",
      ["a:disk_full", "b:disk_full", "c:disk_full", "d:disk_full"],
      3,
    ],
  ])("%s", (_, ends, quarantinedAt) => {
    expect(recordAfter(...ends).quarantinedAt).toBe(quarantinedAt);
  });

  it("and its owner learns how many failed, how the last one did, and what to do", () => {
    const text = quarantineText(recordAfter("a:disk_full", "b:disk_full", "c:gpu_unavailable").faults);
    expect(text).toContain("3 jobs");
    expect(text).toContain("The GPU could not be used");
    expect(text).toContain("splatt-agent doctor");
  });
});

describe("a failure speaks against the host", () => {
  it.each<[FailureCode, boolean]>([
    ["disk_full", true],
    ["gpu_unavailable", true],
    ["tool_missing", true],
    ["workspace_damaged", true],
    ["training_failed", true],
    ["internal_error", true],
    ["training_diverged", false],
    ["gpu_out_of_memory", false],
    ["stage_timeout", false],
    ["agent_stopped", false],
    ["video_unsupported", false],
    ["source_denied", false],
  ])("%s: %s", (code, isSuspect) => {
    expect(isSuspectFailure(code)).toBe(isSuspect);
    if (isHostFailure(code)) expect(isSuspect).toBe(true);
  });
});
