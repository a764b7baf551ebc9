import type { AgentOffer, GpuInfo } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { type CapacityInputs, currentCapacity, isSignificant } from "./current-capacity.ts";

const GIB = 1024 ** 3;

function gpu(uuid: string, freeGib: number | null): GpuInfo {
  return {
    name: "NVIDIA L4",
    uuid,
    memory_total: 24 * GIB,
    memory_free: freeGib === null ? null : freeGib * GIB,
    temperature: 50,
    utilization: 3,
  };
}

const OFFER: AgentOffer = {
  engines: [],
  default_engine: "nerfstudio",
  slots: 3,
  parallel: 2,
  reason: "Runs nerfstudio.",
  gpus: [gpu("a", 24), gpu("b", 24)],
};
const QUIET: CapacityInputs = {
  paused: null,
  stopping: false,
  disk: null,
  gpus: [gpu("a", 23), gpu("b", 22)],
  missing: [],
  inUse: [],
  minFreeBytes: 4 * GIB,
};

describe("currentCapacity", () => {
  it("is the configured capacity with the latest GPU readings when nothing reduces it", () => {
    const offer = { ...OFFER, takes_several_files: true, takes_scale_reference: true, gpus: QUIET.gpus };
    expect(currentCapacity(OFFER, QUIET)).toEqual(offer);
  });

  it.each<[string, Partial<CapacityInputs>, Partial<AgentOffer>]>([
    [
      "is zero while paused",
      { paused: "Paused: gaming" },
      { slots: 0, parallel: 0, reason: "Paused: gaming" },
    ],
    [
      "is zero while stopping, paused or not",
      { stopping: true, paused: "Paused" },
      { slots: 0, parallel: 0, reason: "The agent is stopping." },
    ],
    [
      "is zero while the disk is full, even when a job trains",
      { disk: "disk_full" },
      {
        slots: 0,
        parallel: 0,
        reason: "Takes no jobs: The agent's disk is full.",
        problem: "disk_full",
      },
    ],
    [
      "is zero while other programs use all GPUs",
      { gpus: [gpu("a", 1), gpu("b", 3.9)] },
      {
        slots: 0,
        parallel: 0,
        reason: "Takes no jobs: other programs use the GPU, and less than 4.0 GiB of its memory is free.",
      },
    ],
    [
      "is lower while other programs use one of the GPUs",
      { gpus: [gpu("a", 1), gpu("b", 23)] },
      { slots: 2, parallel: 1, reason: "Runs nerfstudio. Other programs use 1 of its 2 GPUs." },
    ],
    [
      "is zero when the GPUs have disappeared",
      { missing: ["a", "b"] },
      {
        slots: 0,
        parallel: 0,
        problem: "gpu_unavailable",
        reason: "Takes no jobs: nvidia-smi does not find the GPU any more.",
      },
    ],
    [
      "is lower when one of the GPUs has disappeared, whatever it last reported",
      { missing: ["a"], gpus: [gpu("a", 1), gpu("b", 23)] },
      {
        slots: 2,
        parallel: 1,
        problem: "gpu_unavailable",
        reason: "Runs nerfstudio. nvidia-smi does not find 1 of its 2 GPUs any more.",
      },
    ],
    [
      "is zero when one of the GPUs has disappeared, and other programs use the other",
      { missing: ["a"], gpus: [gpu("a", 23), gpu("b", 1)] },
      { slots: 0, parallel: 0 },
    ],
    [
      "ignores the memory that the agent's own job uses",
      { gpus: [gpu("a", 1), gpu("b", 23)], inUse: ["a"] },
      { slots: 3, parallel: 2, reason: "Runs nerfstudio." },
    ],
    [
      "counts a GPU without readings as free",
      { gpus: [gpu("a", null), gpu("b", null)] },
      { slots: 3, parallel: 2 },
    ],
  ])("%s", (_, situation, offer) => {
    expect(currentCapacity(OFFER, { ...QUIET, ...situation })).toMatchObject(offer);
  });

  it("ignores the GPU's memory when jobs run on the CPU", () => {
    const onCpu: AgentOffer = { ...OFFER, default_engine: "builtin", slots: 1, parallel: 1 };
    expect(currentCapacity(onCpu, { ...QUIET, gpus: [gpu("a", 0), gpu("b", 0)] }).slots).toBe(1);
  });

  it("keeps the reason why a machine takes no jobs", () => {
    const broken: AgentOffer = { ...OFFER, slots: 0, parallel: 0, reason: "nerfstudio is not usable." };
    expect(currentCapacity(broken, { ...QUIET, paused: "Paused", stopping: true }).reason).toBe(
      broken.reason,
    );
  });
});

describe("isSignificant", () => {
  it.each<[string, Partial<AgentOffer>, boolean]>([
    ["nothing", {}, false],
    ["a reading", { gpus: [gpu("a", 1), gpu("b", 1)] }, false],
    ["the slots", { slots: 2 }, true],
    ["how many of them train", { parallel: 1 }, true],
    ["the reason", { reason: "Other programs use the GPU." }, true],
    ["the engine", { default_engine: null }, true],
    ["the number of GPUs", { gpus: [] }, true],
  ])("that %s changed: %s", (_, change, news) => {
    expect(isSignificant(OFFER, { ...OFFER, ...change })).toBe(news);
  });
});
