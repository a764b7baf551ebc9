import { type AgentOffer, failure } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { type Readiness, refusalOf } from "./refuse-job.ts";

const CAPACITY: AgentOffer = {
  engines: [],
  default_engine: "nerfstudio",
  slots: 2,
  parallel: 1,
  reason: "Runs nerfstudio.",
  gpus: [],
};
const FREE: Readiness = { capacity: CAPACITY, isStopping: false, takenSlots: 1, disk: null };
const PAUSED: AgentOffer = { ...CAPACITY, slots: 0, reason: "Paused." };

describe("refusalOf", () => {
  it("takes a job that the agent can run", () => {
    expect(refusalOf("auto", FREE)).toBeNull();
  });

  it.each<[string, Partial<Readiness>, string, string]>([
    ["an agent that stops", { isStopping: true }, "draining", "Runs nerfstudio."],
    [
      "no usable engine",
      { capacity: { ...CAPACITY, default_engine: null } },
      "engine_unavailable",
      "Runs nerfstudio.",
    ],
    ["no slots", { capacity: PAUSED }, "no_free_slot", "Paused."],
    ["no free slot", { takenSlots: 2 }, "no_free_slot", "All slots are taken."],
    ["more jobs than slots", { takenSlots: 3 }, "no_free_slot", "All slots are taken."],
    ["a full disk", { disk: failure("disk_full", "") }, "disk_full", "disk"],
    ["a disk that cannot be written", { disk: failure("workspace_unusable", "") }, "disk_full", "workspace"],
  ])("refuses for %s", (_, readiness, code, detail) => {
    expect(refusalOf("auto", { ...FREE, ...readiness })).toEqual({
      code,
      detail: expect.stringContaining(detail),
    });
  });

  it("refuses an engine that it does not offer", () => {
    expect(refusalOf("brush", FREE)).toMatchObject({ code: "engine_unavailable" });
  });
});
