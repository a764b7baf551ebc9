import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GpuInfo } from "@splatt/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freeGpuMemory, parseFreeMemory, parseGpuSurvey, shortOfGpuMemory, surveyGpus } from "./gpus.ts";

const MIB = 1024 * 1024;
const A100 = "GPU-5d2e0a3c-1f1b-8f4e-9d1f-0123456789ab";
const RTX = "GPU-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

const a100: GpuInfo = {
  name: "NVIDIA A100-SXM4-40GB",
  uuid: A100,
  memory_total: 40960 * MIB,
  memory_free: 40000 * MIB,
  temperature: 31,
  utilization: 0,
};
const rtx: GpuInfo = {
  name: "NVIDIA GeForce RTX 4090",
  uuid: RTX,
  memory_total: 24564 * MIB,
  memory_free: 900 * MIB,
  temperature: 71,
  utilization: 98,
};
const A100_ROW = `NVIDIA A100-SXM4-40GB, ${A100}, 40960, 40000, 31, 0`;
const RTX_ROW = `NVIDIA GeForce RTX 4090, ${RTX}, 24564, 900, 71, 98`;

describe("parseGpuSurvey", () => {
  it.each([
    {
      name: "two GPUs",
      lines: [A100_ROW, RTX_ROW],
      exitCode: 0,
      survey: { gpus: [a100, rtx], problem: null },
    },
    {
      name: "a comma in the name",
      lines: [`Quadro K620, rev 2, ${A100}, 40960, 40000, 31, 0`],
      exitCode: 0,
      survey: { gpus: [{ ...a100, name: "Quadro K620, rev 2" }], problem: null },
    },
    {
      name: "memory that the GPU shares with the machine, and sensors that it lacks",
      lines: [`NVIDIA GB10, ${A100}, [N/A], [N/A], [Not Supported], [Unknown Error]`],
      exitCode: 0,
      survey: {
        gpus: [
          {
            name: "NVIDIA GB10",
            uuid: A100,
            memory_total: 0,
            memory_free: null,
            temperature: null,
            utilization: null,
          },
        ],
        problem: null,
      },
    },
    {
      name: "the MIG slices of a GPU, which do not count as GPUs",
      lines: [A100_ROW, "  MIG 1g.5gb     Device  0: (UUID: MIG-a1b2c3d4-0000-1111-2222-333344445555)"],
      exitCode: 0,
      survey: { gpus: [a100], problem: null },
    },
    {
      name: "a GPU that fell off the bus, and a good one",
      lines: ["Unable to determine the device handle for GPU0000:02:00.0: Unknown Error", RTX_ROW],
      exitCode: 15,
      survey: { gpus: [rtx], problem: null },
    },
    {
      name: "a driver that does not run",
      lines: [
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.",
      ],
      exitCode: 9,
      survey: {
        gpus: [],
        problem:
          "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.",
      },
    },
    {
      name: "a driver that was updated under the running kernel",
      lines: ["Failed to initialize NVML: Driver/library version mismatch", "NVML library version: 550.120"],
      exitCode: 18,
      survey: { gpus: [], problem: "Failed to initialize NVML: Driver/library version mismatch" },
    },
    { name: "no card", lines: ["No devices were found"], exitCode: 6, survey: { gpus: [], problem: null } },
    {
      name: "nothing said, and an error",
      lines: [],
      exitCode: 12,
      survey: { gpus: [], problem: "nvidia-smi ended with exit code 12." },
    },
    { name: "nothing said, no error", lines: [], exitCode: 0, survey: { gpus: [], problem: null } },
  ])("reads $name", ({ lines, exitCode, survey }) => {
    expect(parseGpuSurvey(lines, exitCode)).toEqual(survey);
  });
});

describe("parseFreeMemory", () => {
  const lines = [`${A100}, 39100`, `${RTX}, 512`, "GPU-0, [N/A]"];
  it.each([
    { uuid: RTX, free: 512 * MIB },
    { uuid: null, free: 39100 * MIB },
    { uuid: "GPU-0", free: null },
    { uuid: "GPU-ffff", free: null },
  ])("reports $free for $uuid", ({ uuid, free }) => {
    expect(parseFreeMemory(lines, uuid)).toBe(free);
  });
});

describe("nvidia-smi as a program", () => {
  let dir = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "gpus-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  async function fakeNvidiaSmi(script: string): Promise<string> {
    const path = join(dir, "nvidia-smi");
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    return path;
  }

  it("is missing on a machine without an NVIDIA driver", async () => {
    expect(await surveyGpus(join(dir, "nvidia-smi"))).toEqual({ gpus: [], problem: null });
    expect(await freeGpuMemory(null, join(dir, "nvidia-smi"))).toBeNull();
  });

  it("queries the columns that are parsed", async () => {
    const path = await fakeNvidiaSmi(
      `test "$*" = "--query-gpu=name,uuid,memory.total,memory.free,temperature.gpu,utilization.gpu --format=csv,noheader,nounits" && echo "${RTX_ROW}"
       test "$*" = "--query-gpu=uuid,memory.free --format=csv,noheader,nounits" && echo "${A100}, 100"`,
    );
    expect(await surveyGpus(path)).toEqual({ gpus: [rtx], problem: null });
    expect(await freeGpuMemory(A100, path)).toBe(100 * MIB);
  });

  it("reports why it fails", async () => {
    const path = await fakeNvidiaSmi('echo "Failed to initialize NVML: Unknown Error"; exit 255');
    expect(await surveyGpus(path)).toEqual({ gpus: [], problem: "Failed to initialize NVML: Unknown Error" });
  });
});

describe("shortOfGpuMemory", () => {
  it.each([
    [null, null],
    [1.5 * 1024 * MIB, null],
    [512 * MIB, "Only 0.5 GiB of GPU memory is free; 1.5 GiB is needed. Another program uses the rest."],
  ])("with %d bytes free: %s", (free, detail) => {
    expect(shortOfGpuMemory(free)).toEqual(detail === null ? null : { code: "gpu_unavailable", detail });
  });
});
