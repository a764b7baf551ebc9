import type { GpuInfo } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { chooseGpus, mostFreeMemory } from "./gpu-choice.ts";

const GIB = 1024 ** 3;

function gpu(uuid: string, freeGib: number | null = 20): GpuInfo {
  return {
    name: "NVIDIA GeForce RTX 4090",
    uuid,
    memory_total: 24 * GIB,
    memory_free: freeGib === null ? null : freeGib * GIB,
    temperature: 40,
    utilization: 0,
  };
}

const A = gpu("GPU-aaaa1111-0000");
const B = gpu("GPU-bbbb2222-0000");
const C = gpu("GPU-bbbb3333-0000");

describe("chooseGpus", () => {
  it.each([
    ["all when nothing is said", [], undefined, [A, B, C]],
    ["one by its UUID", [B.uuid], undefined, [B]],
    ["several in the order given", [C.uuid, A.uuid], undefined, [C, A]],
    ["by the beginning of a UUID, in any case", ["gpu-AAAA"], undefined, [A]],
    ["by nvidia-smi's numbers", ["2", "0"], undefined, [C, A]],
    ["one named twice only once", ["0", A.uuid], undefined, [A]],
    ["those that CUDA_VISIBLE_DEVICES leaves", [], `${B.uuid}, ${C.uuid}`, [B, C]],
    ["GPUS before CUDA_VISIBLE_DEVICES", [A.uuid], B.uuid, [A]],
    ["none when CUDA_VISIBLE_DEVICES hides all", [], "", []],
    ["none when CUDA_VISIBLE_DEVICES is -1", [], "-1", []],
  ])("takes %s", (_, setting, visible, gpus) => {
    expect(chooseGpus([A, B, C], setting, visible)).toEqual({ gpus, problem: null });
  });

  it.each([
    [["GPU-cccc"], undefined, "GPUS names GPU-cccc, but nvidia-smi lists GPU-aaaa1111-0000."],
    [["7"], undefined, "GPUS names 7, but nvidia-smi lists GPU-aaaa1111-0000."],
    [["rtx4090"], undefined, "GPUS names rtx4090, but nvidia-smi lists GPU-aaaa1111-0000."],
    [[], "GPU-dddd", "CUDA_VISIBLE_DEVICES names GPU-dddd, but nvidia-smi lists GPU-aaaa1111-0000."],
  ])("reports that %j does not exist", (setting, visible, problem) => {
    expect(chooseGpus([A], setting, visible)).toEqual({ gpus: [], problem });
  });

  it("uses the existing GPUs when one does not exist", () => {
    const choice = chooseGpus([A, B], ["GPU-cccc", B.uuid], undefined);
    expect(choice).toEqual({ gpus: [B], problem: expect.stringContaining("GPUS names GPU-cccc, but") });
  });

  it("chooses none on a machine without GPUs", () => {
    expect(chooseGpus([], ["0"], undefined).problem).toBe("GPUS names 0, but nvidia-smi lists no GPU.");
  });
});

describe("mostFreeMemory", () => {
  it.each([
    [
      "the one with most free memory",
      [A.uuid, B.uuid, C.uuid],
      [gpu(A.uuid, 3), gpu(B.uuid, 20), gpu(C.uuid, 9)],
      1,
    ],
    ["of the free ones only", [A.uuid, C.uuid], [gpu(A.uuid, 3), gpu(B.uuid, 20), gpu(C.uuid, 9)], 1],
    ["the first when nothing is known", [A.uuid, B.uuid], [gpu(A.uuid, null), gpu(B.uuid, null)], 0],
    ["the only one, whose name is not known", [null], [], 0],
  ])("is %s", (_, free, gpus, index) => {
    expect(mostFreeMemory(free, gpus)).toBe(index);
  });
});
