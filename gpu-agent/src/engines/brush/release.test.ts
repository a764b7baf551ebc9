import { describe, expect, it } from "vitest";
import { parseRelease, parseVulkanDevices, type Release } from "./release.ts";

const OLD_HELP = ["      --total-steps <TOTAL_STEPS>  Total number of steps to train for [default: 30000]"];
const HELP = [
  "      --total-train-iters <TOTAL_TRAIN_ITERS>",
  "          Total number of steps to train for.",
];

describe("parseRelease", () => {
  it.each<{ version: string; help: string[]; release: Release | null }>([
    {
      version: "brush_app 0.3.0",
      help: OLD_HELP,
      release: { version: "0.3.0", stepsOption: "--total-steps" },
    },
    { version: "brush 1.0.0", help: HELP, release: { version: "1.0.0", stepsOption: "--total-train-iters" } },
    {
      version: "brush-cli 1.0.0",
      help: HELP,
      release: { version: "1.0.0", stepsOption: "--total-train-iters" },
    },
    { version: "brush-cli 0.2.0", help: OLD_HELP, release: null },
    { version: "brush 1.0.0", help: ["Usage: paint"], release: null },
    { version: "Brush, the shell 5.2", help: HELP, release: null },
  ])("of $version is $release", ({ version, help, release }) => {
    expect(parseRelease([version], help)).toEqual(release);
  });
});

// As vulkaninfo of Vulkan 1.3 prints it.
const summary = (type: string, name: string) => [
  "GPU0:",
  "\tapiVersion         = 1.3.230",
  "\tvendorID           = 0x10005",
  `\tdeviceType         = PHYSICAL_DEVICE_TYPE_${type}`,
  `\tdeviceName         = ${name}`,
  "\tdriverName         = llvmpipe",
];

describe("parseVulkanDevices", () => {
  it("distinguishes GPUs from CPUs that emulate one", () => {
    const lines = [
      ...summary("DISCRETE_GPU", "NVIDIA GeForce RTX 4090"),
      ...summary("CPU", "llvmpipe (LLVM 15.0.6, 256 bits)"),
    ];
    expect(parseVulkanDevices(lines)).toEqual([
      { name: "NVIDIA GeForce RTX 4090", isCpu: false },
      { name: "llvmpipe (LLVM 15.0.6, 256 bits)", isCpu: true },
    ]);
  });

  it("finds none in other output", () => {
    expect(
      parseVulkanDevices(["ERROR: [Loader Message] Code 0 : vkCreateInstance: Found no drivers!"]),
    ).toEqual([]);
  });
});
