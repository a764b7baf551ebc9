import { describe, expect, it } from "vitest";
import { judgeProbeReport, type ProbeReport, parseProbeReport } from "./probe-report.ts";

const good: ProbeReport = {
  python: "3.10.14",
  nerfstudio: "1.1.5",
  gsplat: "1.4.0",
  torch: "2.1.2+cu118",
  torch_error: null,
  cuda: "11.8",
  gpu: "NVIDIA GeForce RTX 4090",
  capability: "8.9",
  gpu_error: null,
  gsplat_prebuilt: true,
  gsplat_error: null,
  open3d_error: null,
  nvcc: null,
  compiler: false,
  ninja: false,
};
const toCompile: Partial<ProbeReport> = { gsplat_prebuilt: false, nvcc: "11.8", compiler: true, ninja: true };

describe("judgeProbeReport", () => {
  it.each<{ name: string; found: Partial<ProbeReport>; usable?: boolean; reason: string }>([
    {
      name: "all is well",
      found: {},
      usable: true,
      reason: "nerfstudio 1.1.5 with PyTorch 2.1.2+cu118 and CUDA 11.8 on NVIDIA GeForce RTX 4090.",
    },
    {
      name: "kernels are still to be compiled",
      found: toCompile,
      usable: true,
      reason:
        "nerfstudio 1.1.5 with PyTorch 2.1.2+cu118 and CUDA 11.8 on NVIDIA GeForce RTX 4090. " +
        "The first job compiles gsplat's CUDA kernels if needed.",
    },
    {
      name: "another Python",
      found: { nerfstudio: null, gsplat: null, torch: null, cuda: null, gpu: null },
      reason: "nerfstudio is not installed in its Python environment.",
    },
    {
      name: "an old version",
      found: { nerfstudio: "1.1.4" },
      reason: "nerfstudio 1.1.4 is too old; 1.1.5 or later is needed.",
    },
    {
      name: "a very old version",
      found: { nerfstudio: "0.3.4" },
      reason: "nerfstudio 0.3.4 is too old; 1.1.5 or later is needed.",
    },
    {
      name: "a server without libraries for windows",
      found: {
        open3d_error: "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
      },
      reason:
        "Open3D, which nerfstudio reads points with, cannot be loaded (ImportError: libGL.so.1: cannot open shared object file: No such file or directory).",
    },
    {
      name: "no PyTorch",
      found: { torch: null },
      reason: "PyTorch is not installed in nerfstudio's Python environment.",
    },
    {
      name: "a broken PyTorch",
      found: {
        torch_error: "OSError: libcudart.so.12: cannot open shared object file",
        cuda: null,
        gpu: null,
      },
      reason:
        "PyTorch 2.1.2+cu118 cannot be loaded (OSError: libcudart.so.12: cannot open shared object file).",
    },
    {
      name: "a PyTorch for CPUs",
      found: { torch: "2.1.2+cpu", cuda: null, gpu: null },
      reason: "PyTorch 2.1.2+cpu is built without CUDA, so it cannot use the GPU.",
    },
    {
      name: "no driver",
      found: {
        gpu: null,
        gpu_error:
          "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from http://www.nvidia.com/Download/index.aspx",
      },
      reason: "PyTorch finds no NVIDIA driver.",
    },
    {
      name: "an old driver",
      found: {
        gpu: null,
        gpu_error: "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).",
      },
      reason:
        "The NVIDIA driver is too old for PyTorch 2.1.2+cu118, which is built for CUDA 11.8. Update the driver.",
    },
    {
      name: "no GPU",
      found: { gpu: null, gpu_error: "RuntimeError: No CUDA GPUs are available" },
      reason: "PyTorch finds no CUDA GPU.",
    },
    {
      name: "a GPU of another generation",
      found: {
        gpu: null,
        gpu_error: "RuntimeError: CUDA error: no kernel image is available for execution on the device",
      },
      reason:
        "PyTorch 2.1.2+cu118 is not built for this GPU; RTX 50 cards need a PyTorch for CUDA 12.8 or newer.",
    },
    {
      name: "another CUDA error",
      found: { gpu: null, gpu_error: "RuntimeError: CUDA error: unspecified launch failure" },
      reason: "PyTorch cannot use the GPU (RuntimeError: CUDA error: unspecified launch failure).",
    },
    {
      name: "a CUDA toolkit older than the GPU",
      found: { ...toCompile, cuda: "12.8", nvcc: "12.4", gpu: "NVIDIA GeForce RTX 5090", capability: "12.0" },
      reason:
        "gsplat 1.4.0 comes without CUDA kernels, and to compile them for NVIDIA GeForce RTX 5090 " +
        "the CUDA toolkit 12.4 is too old; 12.8 or newer is needed.",
    },
    {
      name: "no gsplat",
      found: { gsplat: null },
      reason: "gsplat is not installed in nerfstudio's Python environment.",
    },
    {
      name: "a gsplat for another PyTorch",
      found: { gsplat_error: "ImportError: csrc.so: undefined symbol: _ZN3c104cuda9SetDeviceEi" },
      reason:
        "gsplat 1.4.0 is not built for PyTorch 2.1.2+cu118 (ImportError: csrc.so: undefined symbol: _ZN3c104cuda9SetDeviceEi).",
    },
    {
      name: "no nvcc",
      found: { ...toCompile, nvcc: null },
      reason:
        "gsplat 1.4.0 comes without CUDA kernels, and to compile them the CUDA toolkit (nvcc) is missing.",
    },
    {
      name: "no compiler",
      found: { ...toCompile, compiler: false },
      reason: "gsplat 1.4.0 comes without CUDA kernels, and to compile them a C++ compiler is missing.",
    },
    {
      name: "no ninja",
      found: { ...toCompile, ninja: false },
      reason: "gsplat 1.4.0 comes without CUDA kernels, and to compile them ninja is missing.",
    },
    {
      name: "a toolkit of another CUDA",
      found: { ...toCompile, nvcc: "12.4" },
      reason:
        "gsplat 1.4.0 comes without CUDA kernels, and to compile them the CUDA toolkit 12.4 does not match PyTorch, which is built for CUDA 11.8.",
    },
  ])("$name", ({ found, usable = false, reason }) => {
    const report = { ...good, ...found };
    expect(judgeProbeReport(report)).toEqual({
      name: "nerfstudio",
      usable,
      version: report.nerfstudio,
      reason,
    });
  });

  it.each(["1.1.5", "1.1.6", "1.2.0", "2.0.0.dev1"])("takes version %s", (nerfstudio) => {
    expect(judgeProbeReport({ ...good, nerfstudio }).usable).toBe(true);
  });
});

describe("parseProbeReport", () => {
  it("finds the report among warnings", () => {
    const lines = ["FutureWarning: something", `SPLATT_PROBE ${JSON.stringify(good)}`, "goodbye"];
    expect(parseProbeReport(lines)).toEqual(good);
  });

  it.each([
    ["nothing", []],
    ["another program", ["Python 3.10.14"]],
    ["half a line", ["SPLATT_PROBE {"]],
    ["something else", ['SPLATT_PROBE {"python": "3.10"}']],
  ])("does not take %s for one", (_, lines) => {
    expect(parseProbeReport(lines)).toBeNull();
  });
});
