import type { FailureCode } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { FailureEvidence } from "../failure-evidence.ts";
import { NERFSTUDIO_SIGNS } from "./failure-signs.ts";

const FAILED = { exitCode: 1, signal: null, tail: [] };

function conclude(lines: readonly string[]) {
  const evidence = new FailureEvidence(NERFSTUDIO_SIGNS);
  for (const line of lines) evidence.observe(line);
  return evidence.conclude(FAILED, "training_failed", "the last checkpoint");
}

describe("what nerfstudio says when it fails", () => {
  // R: recorded from nerfstudio 1.1.5, gsplat 1.4.0, PyTorch 2.11 and 2.15. S: from their sources or issues.
  it.each<{ line: string; code: FailureCode; meaning?: string | object }>([
    // R
    {
      line: "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 139.80 GiB of which 7.56 MiB is free.",
      code: "gpu_out_of_memory",
    },
    {
      line: "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
      code: "engine_unavailable",
      meaning: "A system library is missing (Debian and Ubuntu have libGL.so.1 in the package libgl1).",
    },
    // S
    {
      line: "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB",
      code: "gpu_out_of_memory",
    },
    { line: "RuntimeError: CUDA error: out of memory", code: "gpu_out_of_memory" },
    { line: "RuntimeError: CUDA driver error: out of memory", code: "gpu_out_of_memory" },
    {
      line: "torch.cuda.OutOfMemoryError: Allocation on device 0 would exceed allowed memory. (out of memory)",
      code: "gpu_out_of_memory",
    },
    { line: "RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED", code: "gpu_out_of_memory" },
    {
      line: "MemoryError: std::bad_alloc: cudaErrorMemoryAllocation: out of memory",
      code: "gpu_out_of_memory",
    },
    {
      line: "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 432 MiB",
      code: "gpu_out_of_memory",
    },
    {
      line: 'RuntimeError: NVML_SUCCESS == r INTERNAL ASSERT FAILED at "CUDACachingAllocator.cpp":830',
      code: "gpu_out_of_memory",
    },
    {
      line: "ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).",
      code: "out_of_memory",
      meaning: "Shared memory (/dev/shm) is too small. Start the container with a larger --shm-size.",
    },
    {
      line: "RuntimeError: unable to write to file </torch_12_34_0>: No space left on device (28)",
      code: "out_of_memory",
      meaning: "Shared memory (/dev/shm) is too small. Start the container with a larger --shm-size.",
    },
    { line: "OSError: [Errno 28] No space left on device", code: "disk_full" },
    {
      line: "RuntimeError: PytorchStreamWriter failed writing file data/3: file write failed",
      code: "disk_full",
    },
    // R
    {
      line: "RuntimeError: [enforce fail at inline_container.cc:671] . unexpected pos 704 vs 598",
      code: "disk_full",
    },
    {
      line: "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from http://www.nvidia.com/Download/index.aspx",
      code: "gpu_unavailable",
    },
    // S
    { line: "RuntimeError: No CUDA GPUs are available", code: "gpu_unavailable" },
    {
      line: "RuntimeError: Specified device type 'cuda' is not available. Available device types: ['cpu']",
      code: "gpu_unavailable",
    },
    {
      line: "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).",
      code: "gpu_unavailable",
      meaning: expect.stringContaining("Update the driver"),
    },
    {
      line: "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 804: forward compatibility was attempted on non supported HW",
      code: "gpu_unavailable",
      meaning: expect.stringContaining("Reboot"),
    },
    { line: "RuntimeError: CUDA error: invalid device ordinal", code: "gpu_unavailable" },
    { line: "RuntimeError: CUDA error: system not yet initialized", code: "gpu_unavailable" },
    {
      line: "AssertionError: Torch not compiled with CUDA enabled",
      code: "engine_unavailable",
      meaning: "PyTorch is built without CUDA.",
    },
    {
      line: "RuntimeError: CUDA error: no kernel image is available for execution on the device",
      code: "engine_unavailable",
      meaning: expect.stringContaining("CUDA 12.8 or newer"),
    },
    {
      line: "nvcc fatal   : Unsupported gpu architecture 'compute_120'",
      code: "engine_unavailable",
      meaning: expect.stringContaining("12.8 or newer for RTX 50"),
    },
    {
      line: "ptxas fatal   : Value 'sm_120' is not defined for option 'gpu-name'",
      code: "engine_unavailable",
      meaning: expect.stringContaining("12.8 or newer for RTX 50"),
    },
    {
      line: "RuntimeError: CUDA error: the provided PTX was compiled with an unsupported toolchain.",
      code: "gpu_unavailable",
      meaning: expect.stringContaining("Update the driver"),
    },
    {
      line: "AttributeError: 'NoneType' object has no attribute 'projection_ewa_3dgs_fused_fwd'",
      code: "engine_unavailable",
      meaning: expect.stringContaining("no CUDA toolkit (nvcc) to compile them"),
    },
    {
      line: "AttributeError: module 'gsplat.csrc' has no attribute 'projection_ewa_3dgs_fused_fwd'",
      code: "engine_unavailable",
      meaning: "gsplat and its CUDA kernels have different versions. Reinstall gsplat.",
    },
    {
      line: "ImportError: /venv/torch/lib/libtorch_cuda.so: undefined symbol: ncclCommRegister",
      code: "engine_unavailable",
      meaning: "PyTorch does not match one of its libraries. Reinstall PyTorch.",
    },
    {
      line: "ImportError: /lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by x.so)",
      code: "engine_unavailable",
      meaning: "PyTorch does not match one of its libraries. Reinstall PyTorch.",
    },
    {
      line: "host_config.h:138:2: error: #error -- unsupported GNU version! gcc versions later than 11 are not supported!",
      code: "engine_unavailable",
      meaning: expect.stringContaining("Install an older compiler"),
    },
    ...[
      "ImportError: /root/.cache/gsplat_cuda/gsplat_cuda.so: cannot open shared object file: No such file or directory",
      "FileNotFoundError: [Errno 2] No such file or directory: '/usr/local/cuda/bin/nvcc'",
      "subprocess.CalledProcessError: Command '['which', 'g++']' returned non-zero exit status 1.",
    ].map((line) => ({
      line,
      code: "engine_unavailable" as const,
      meaning: expect.stringContaining("gsplat's CUDA kernels could not be compiled"),
    })),
    ...[
      "RuntimeError: Numpy is not available",
      "ValueError: numpy.dtype size changed, may indicate binary incompatibility",
      "AttributeError: `np.float_` was removed in the NumPy 2.0 release.",
      "A module that was compiled using NumPy 1.x cannot be run in",
      "AttributeError: _ARRAY_API not found",
      "ImportError: numpy.core.multiarray failed to import",
    ].map((line) => ({
      line,
      code: "engine_unavailable" as const,
      meaning: expect.stringContaining('pip install "numpy<2"'),
    })),
    ...[
      "AssertionError: torch.Size([1309327, 16, 3])",
      "AssertionError: block_width must be between 2 and 16",
      "RuntimeError: The size of tensor a (60913) must match the size of tensor b (2) at non-singleton dimension 1",
      "TypeError: rasterization() got an unexpected keyword argument 'sparse_grad_v2'",
      "ImportError: cannot import name 'rasterization_inria_wrapper' from 'gsplat.rendering' (/venv/gsplat/rendering.py)",
      "AttributeError: module 'gsplat' has no attribute 'project_gaussians'",
    ].map((line) => ({
      line,
      code: "engine_unavailable" as const,
      meaning: expect.stringContaining("gsplat 1.4.0 for nerfstudio 1.1.5"),
    })),
    ...[
      "OSError: Could not find compatible tinycudann extension for compute capability 86.",
      "NameError: name 'tcnn' is not defined",
      "ModuleNotFoundError: No module named 'tinycudann'",
    ].map((line) => ({
      line,
      code: "engine_unavailable" as const,
      meaning: expect.stringContaining("uninstall tinycudann"),
    })),
    {
      line: "NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation.",
      code: "engine_unavailable",
      meaning: expect.stringContaining("RTX 50 cards (sm_120) need a PyTorch built for CUDA 12.8 or newer"),
    },
    {
      line: "torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device",
      code: "engine_unavailable",
      meaning: expect.stringContaining("no kernels for this GPU"),
    },
    {
      line: "ValueError: Unknown CUDA arch (12.0) or GPU not supported",
      code: "engine_unavailable",
      meaning: expect.stringContaining("12.8 or newer for RTX 50"),
    },
    {
      line: "host_config.h(153): fatal error C1189: #error:  -- unsupported Microsoft Visual Studio version! Only the versions between 2017 and 2022 (inclusive) are supported!",
      code: "engine_unavailable",
      meaning: expect.stringContaining("newer than this CUDA toolkit supports"),
    },
    {
      line: "RuntimeError: The detected CUDA version (12.8) mismatches the version that was used to compile PyTorch (11.8).",
      code: "engine_unavailable",
      meaning: expect.stringContaining("set CUDA_HOME to it"),
    },
    {
      line: "OSError: CUDA_HOME environment variable is not set. Please set it to your CUDA install root.",
      code: "engine_unavailable",
      meaning: expect.stringContaining("set CUDA_HOME"),
    },
    {
      line: "rasterizer.cu:4:10: fatal error: cuda_runtime.h: No such file or directory",
      code: "engine_unavailable",
      meaning: expect.stringContaining("CUDA toolkit is missing or incomplete"),
    },
    {
      line: "pybind11/detail/common.h:266:10: fatal error: Python.h: No such file or directory",
      code: "engine_unavailable",
      meaning: expect.stringContaining("python3-dev"),
    },
    {
      line: "Failed to initialize NVML: Driver/library version mismatch",
      code: "gpu_unavailable",
      meaning: expect.stringContaining("Reboot after a driver update"),
    },
    {
      line: "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 803: system has unsupported display driver / cuda driver combination",
      code: "gpu_unavailable",
      meaning: expect.stringContaining("have different versions"),
    },
    {
      line: "AttributeError: 'NoneType' object has no attribute 'CameraModelType'",
      code: "engine_unavailable",
      meaning: expect.stringContaining("no CUDA toolkit (nvcc) to compile them"),
    },
    {
      line: "AttributeError: module 'gsplat_cuda' has no attribute 'CameraModelType'",
      code: "engine_unavailable",
      meaning: "gsplat and its CUDA kernels have different versions. Reinstall gsplat.",
    },
    {
      line: "RuntimeError: Error building extension 'gsplat_cuda'",
      code: "engine_unavailable",
      meaning: expect.stringContaining("gsplat's CUDA kernels could not be compiled"),
    },
    {
      line: "RuntimeError: Ninja is required to load C++ extensions (pip install ninja to get it)",
      code: "engine_unavailable",
      meaning: expect.stringContaining("gsplat's CUDA kernels could not be compiled"),
    },
    {
      line: "_pickle.UnpicklingError: Weights only load failed. This file can still be loaded",
      code: "engine_unavailable",
      meaning: expect.stringContaining("PyTorch refused to load the checkpoint"),
    },
    {
      line: "ImportError: /venv/gsplat/csrc.so: undefined symbol: _ZN3c104cuda9SetDeviceEi",
      code: "engine_unavailable",
      meaning: "gsplat and its CUDA kernels have different versions. Reinstall gsplat.",
    },
    // R
    {
      line: "urllib.error.URLError: <urlopen error [Errno -2] Name or service not known>",
      code: "engine_unavailable",
      meaning: "nerfstudio tried to download a file and could not.",
    },
    {
      line: "│ Unrecognized options: --bogus, 1                                             │",
      code: "engine_unavailable",
      meaning: "This version of nerfstudio does not know an option that Splatt uses.",
    },
    {
      line: "│ invalid choice 'none' for argument '--vis'. Expected one of ('viewer',       │",
      code: "engine_unavailable",
      meaning: "This version of nerfstudio does not know an option that Splatt uses.",
    },
    {
      line: "ModuleNotFoundError: No module named 'nerfstudio'",
      code: "engine_unavailable",
      meaning: "A Python package is missing or broken.",
    },
    {
      line: "FileNotFoundError: [Errno 2] No such file or directory: '../bad_nofile/images/frame_00001.jpg'",
      code: "dataset_invalid",
    },
    {
      line: "AssertionError: The size of image (160, 90) loaded does not match the camera parameters ((200, 90))",
      code: "dataset_invalid",
    },
    { line: "AssertionError: No data found in dataset", code: "dataset_invalid" },
    { line: "OSError: image file is truncated (56 bytes not processed)", code: "dataset_invalid" },
    {
      line: "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
      code: "dataset_invalid",
    },
    {
      line: "ValueError: Expected n_neighbors <= n_samples_fit, but n_neighbors = 4, n_samples_fit = 2, n_samples = 2",
      code: "dataset_invalid",
    },
    // S
    {
      line: "ValueError: All tensors must be numpy arrays of float or uint8 type and not empty",
      code: "training_diverged",
      meaning: "No gaussian with finite values is left.",
    },
    {
      line: "Step 1400: 9 GSs pruned. Now having 0 GSs.",
      code: "training_diverged",
      meaning: "No gaussian with finite values is left.",
    },
  ])("$line", ({ line, code, meaning }) => {
    expect(conclude(["Traceback (most recent call last):", line, "some more"])).toEqual({
      code,
      detail: typeof meaning === "string" ? `${meaning} (${line})` : (meaning ?? line),
    });
  });

  it("reports the cause, not its consequences", () => {
    expect(
      conclude([
        "gsplat: No CUDA toolkit found. gsplat will be disabled.",
        "RuntimeError: CUDA error: out of memory",
        "ImportError: late",
      ]).code,
    ).toBe("gpu_out_of_memory");
    expect(
      conclude([
        "gsplat: No CUDA toolkit found. gsplat will be disabled.",
        "AttributeError: 'NoneType' object has no attribute 'fully_fused_projection_fwd'",
      ]).detail,
    ).toContain("(gsplat: No CUDA toolkit found. gsplat will be disabled.)");
  });

  it.each([
    "nerfacc: No CUDA toolkit found. NerfAcc will be disabled.",
    "UserWarning: Failed to load image Python extension: 'image.so: undefined symbol: _ZN3c1017Reg'",
    "    raise ImportError: see above",
    "UserWarning: Failed to load image Python extension: 'libpng16.so.16: cannot open shared object file: No such file'",
    "W dso_loader.cc:64] Could not load dynamic library 'libnvinfer.so.7'; dlerror: libnvinfer.so.7: cannot open shared object file",
    "ImportError: cannot import name 'csrc' from 'gsplat' (/venv/gsplat/__init__.py)",
  ])("ignores a harmless line: %s", (line) => {
    expect(conclude([line, "IndexError: index 204 is out of bounds"]).code).toBe("training_failed");
  });

  it("quotes an unknown exception, not the source lines around it", () => {
    expect(
      conclude([
        "Traceback (most recent call last):",
        "IndexError: index 204 is out of bounds for dimension 0 with size 200",
        "    raise ValueError: from a line of the source",
        "wandb: done",
      ]),
    ).toEqual({
      code: "training_failed",
      detail: "IndexError: index 204 is out of bounds for dimension 0 with size 200",
    });
  });
});
