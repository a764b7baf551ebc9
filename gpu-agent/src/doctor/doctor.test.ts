import { err, failure, ok } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import type { ProbeReport } from "../engines/nerfstudio/probe-report.ts";
import { colmapAt, pycolmapIn } from "../pipeline/poses/colmap-program.ts";
import type { FfmpegVersion } from "../tools/ffmpeg-support.ts";
import { type Check, failing, good, warning } from "./check.ts";
import { judgeCapacity } from "./engine.ts";
import { judgeGpus } from "./gpu.ts";
import { judgeNerfstudio, wantsNerfstudio } from "./nerfstudio.ts";
import { doctorText } from "./report.ts";
import { judgeDisk, judgeMemory } from "./resources.ts";
import { judgeSandbox, type SandboxFindings } from "./sandbox.ts";
import { judgeSettings } from "./settings.ts";
import { judgeColmap, judgeFfmpeg, judgeFfprobe } from "./tools.ts";

/** Findings in, verdict and remedy out: one table for each check. */

const GIB = 1024 ** 3;
const verdicts = (checks: readonly Check[]) => checks.map(({ name, verdict }) => `${name} ${verdict}`);

describe("settings", () => {
  const complete = ["CONTROL_PLANE_URL", "AGENT_TOKEN"];
  it.each<[string, string[], string[], string[], string[]]>([
    ["valid", [], complete, [], ["ok"]],
    ["wrong", ["SLOTS must be a number", "ENGINE is unknown"], complete, [], ["failure", "failure"]],
    ["misspelt", [], complete, ["WORKSPACE_ROT is not a setting"], ["warning"]],
    [
      "without a control plane",
      ["CONTROL_PLANE_URL is missing", "AGENT_TOKEN is missing"],
      [],
      [],
      ["warning"],
    ],
    ["without a token only", ["AGENT_TOKEN is missing"], ["CONTROL_PLANE_URL"], [], ["failure"]],
    [
      "without a control plane, and wrong",
      ["CONTROL_PLANE_URL is missing", "SLOTS wrong"],
      [],
      [],
      ["failure", "warning"],
    ],
  ])("%s", (_, problems, given, warnings, expected) => {
    expect(judgeSettings(problems, given, warnings).map(({ verdict }) => verdict)).toEqual(expected);
  });
});

describe("GPU", () => {
  const card = {
    name: "NVIDIA L4",
    uuid: "GPU-a",
    memory_total: 23 * GIB,
    memory_free: 22 * GIB,
    temperature: 45,
    utilization: 0,
  };
  it.each([
    ["fine", { gpus: [card], problem: null }, "ok", "NVIDIA L4, 22.0 GiB of 23.0 GiB free, 45 °C", /^$/],
    [
      "taken",
      { gpus: [{ ...card, memory_free: GIB }], problem: null },
      "warning",
      "NVIDIA L4, 1.0 GiB of 23.0 GiB free, 45 °C",
      /End the programs/,
    ],
    [
      "without readings",
      { gpus: [{ ...card, memory_free: null, temperature: null }], problem: null },
      "ok",
      "NVIDIA L4, 23.0 GiB",
      /^$/,
    ],
    ["missing", { gpus: [], problem: null }, "warning", "nvidia-smi finds none", /ENGINE=builtin/],
    [
      "after an update of its driver",
      { gpus: [], problem: "Failed to initialize NVML: Driver/library version mismatch" },
      "failure",
      "Failed to initialize NVML: Driver/library version mismatch",
      /reboot/,
    ],
    [
      "without its driver loaded",
      { gpus: [], problem: "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver." },
      "failure",
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
      /running kernel/,
    ],
    [
      "failing for an unknown reason",
      { gpus: [], problem: "Unknown Error" },
      "failure",
      "Unknown Error",
      /reinstall the driver/,
    ],
  ])("%s", (_, survey, verdict, detail, remedy) => {
    const [check] = judgeGpus(survey, { gpus: survey.gpus, problem: null }, 4 * GIB);
    expect(check).toMatchObject({ name: "GPU", verdict, detail });
    expect(check?.remedy ?? "").toMatch(remedy);
  });

  it("that GPUS names but the machine lacks", () => {
    const survey = { gpus: [card], problem: null };
    const checks = judgeGpus(survey, { gpus: [], problem: "GPUS names GPU-b, but …" }, 4 * GIB);
    expect(checks).toMatchObject([{ verdict: "failure", remedy: expect.stringContaining("nvidia-smi -L") }]);
  });
});

const PYTHON: ProbeReport = {
  python: "3.10.14",
  nerfstudio: "1.1.5",
  gsplat: "1.4.0",
  torch: "2.1.2+cu118",
  torch_error: null,
  cuda: "11.8",
  gpu: "NVIDIA L4",
  capability: "8.9",
  gpu_error: null,
  gsplat_prebuilt: true,
  gsplat_error: null,
  open3d_error: null,
  nvcc: "11.8",
  compiler: true,
  ninja: true,
};

describe("nerfstudio", () => {
  it.each<[string, Partial<ProbeReport>, string[], RegExp]>([
    ["everything is installed", {}, [], /^$/],
    ["kernels are compiled, the toolkit is missing", { nvcc: null, compiler: false, ninja: false }, [], /^$/],
    ["kernels can be compiled", { gsplat_prebuilt: false }, [], /^$/],
    ["nerfstudio is missing", { nerfstudio: null }, ["nerfstudio"], /pip install "nerfstudio>=1.1.5"/],
    ["nerfstudio is old", { nerfstudio: "1.0.3" }, ["nerfstudio"], /pip install "nerfstudio>=1.1.5"/],
    [
      "a library for windows is missing",
      { open3d_error: "ImportError: libGL.so.1: cannot open shared object file" },
      ["nerfstudio"],
      /package libgl1/,
    ],
    [
      "Open3D is broken",
      { open3d_error: "ImportError: numpy.core.multiarray failed to import" },
      ["nerfstudio"],
      /--force-reinstall open3d/,
    ],
    ["PyTorch is missing", { torch: null, cuda: null, gpu: null }, ["PyTorch"], /Install PyTorch/],
    ["PyTorch has no CUDA", { cuda: null, gpu: null }, ["PyTorch"], /build of PyTorch with CUDA/],
    [
      "there is no driver",
      { gpu: null, gpu_error: "RuntimeError: Found no NVIDIA driver on your system" },
      ["PyTorch"],
      /NVIDIA driver, then reboot/,
    ],
    [
      "the GPU is too new for PyTorch",
      { gpu: null, gpu_error: "RuntimeError: CUDA error: no kernel image is available" },
      ["PyTorch"],
      /build of PyTorch for this GPU/,
    ],
    [
      "PyTorch sees no GPU",
      { gpu: null, gpu_error: "RuntimeError: No CUDA GPUs are available" },
      ["PyTorch"],
      /CUDA_VISIBLE_DEVICES/,
    ],
    ["gsplat is missing", { gsplat: null, gsplat_prebuilt: false }, ["gsplat"], /pip install gsplat/],
    [
      "gsplat is built for another PyTorch",
      { gsplat_error: "ImportError: undefined symbol" },
      ["gsplat"],
      /--force-reinstall gsplat/,
    ],
    [
      "kernels are missing, and nvcc too",
      { gsplat_prebuilt: false, nvcc: null },
      ["gsplat"],
      /CUDA toolkit 11.8 with nvcc/,
    ],
    [
      "kernels are missing, and a compiler too",
      { gsplat_prebuilt: false, compiler: false },
      ["gsplat"],
      /C\+\+ compiler/,
    ],
    [
      "kernels are missing, and the toolkit is another",
      { gsplat_prebuilt: false, nvcc: "12.4" },
      ["gsplat"],
      /CUDA toolkit 11.8/,
    ],
  ])("%s", (_, found, failures, remedy) => {
    const checks = judgeNerfstudio(true, ok({ ...PYTHON, ...found }));
    const failed = checks.filter(({ verdict }) => verdict === "failure");
    expect(failed.map(({ name }) => name)).toEqual(failures);
    expect(failed[0]?.remedy ?? "").toMatch(remedy);
  });

  it("whose Python does not answer", () => {
    const checks = judgeNerfstudio(true, err("There is no program at NERF_PYTHON_PATH."));
    expect(checks).toMatchObject([
      { name: "Python", verdict: "failure", remedy: expect.stringContaining("NERF_PYTHON_PATH") },
    ]);
  });

  it("is not checked for another engine", () => {
    expect(verdicts(judgeNerfstudio(false, err("")))).toEqual(["nerfstudio skipped"]);
    expect(wantsNerfstudio("builtin", null)).toBe(false);
    expect(wantsNerfstudio("builtin", "/opt/python")).toBe(true);
    expect(wantsNerfstudio("auto", null)).toBe(true);
  });
});

describe("COLMAP", () => {
  const colmap = (major: number, minor: number, cuda: boolean, program = colmapAt("colmap")) =>
    ok({ major, minor, patch: 0, cuda, program, reads: [] });
  const pycolmap = (cuda: boolean) => colmap(4, 2, cuda, pycolmapIn("/venv/bin/python"));
  const tooOld = failure("tool_unsupported", "COLMAP 3.6 is too old; version 3.8 or newer is needed.");
  const none = failure("tool_missing", "colmap was not found.");
  const says = (error: string) =>
    failure("tool_unsupported", `/venv/bin/python does not answer like COLMAP: it prints "ERROR: ${error}".`);
  const noModule = says("No module named 'pycolmap'");
  const noLibrary = says("libcudart.so.12: cannot open shared object file");
  it.each([
    ["with CUDA", [colmap(3, 9, true)], true, "ok", "3.9, with CUDA"],
    ["without CUDA, on a machine without a GPU", [colmap(3, 8, false)], false, "ok", "3.8, without CUDA"],
    ["without CUDA, with a GPU", [colmap(3, 8, false)], true, "warning", "3.8, without CUDA"],
    ["newer than any that was tried", [colmap(5, 0, true)], true, "warning", "5.0, with CUDA"],
    ["too old", [err(tooOld)], true, "failure", tooOld.detail],
    ["missing", [err(none)], true, "failure", none.detail],
    ["pycolmap alone", [err(none), pycolmap(false)], false, "ok", "4.2 (pycolmap), without CUDA"],
    ["without pycolmap", [colmap(3, 8, false), err(noModule)], false, "ok", "3.8, without CUDA"],
    [
      "and a broken pycolmap",
      [colmap(3, 8, false), err(noLibrary)],
      false,
      "ok",
      `3.8, without CUDA; unusable: ${noLibrary.detail}`,
    ],
    [
      "and a newer pycolmap",
      [colmap(3, 8, false), pycolmap(false)],
      false,
      "ok",
      "4.2 (pycolmap), without CUDA; preferred to 3.8, without CUDA",
    ],
    [
      "with CUDA, and a newer pycolmap without",
      [colmap(3, 9, true), pycolmap(false)],
      true,
      "ok",
      "3.9, with CUDA; preferred to 4.2 (pycolmap), without CUDA",
    ],
    [
      "and a pycolmap with CUDA",
      [colmap(3, 8, false), pycolmap(true)],
      true,
      "ok",
      "4.2 (pycolmap), with CUDA; preferred to 3.8, without CUDA",
    ],
    [
      "and a pycolmap of the same version",
      [colmap(4, 2, false), pycolmap(false)],
      false,
      "ok",
      "4.2, without CUDA; preferred to 4.2 (pycolmap), without CUDA",
    ],
  ] as const)("%s", (_, colmaps, hasGpu, verdict, detail) => {
    expect(judgeColmap(colmaps, hasGpu)).toMatchObject({ name: "COLMAP", verdict, detail });
  });
});

describe("ffmpeg", () => {
  const text = "5.1.9-0+deb12u1";
  const version: FfmpegVersion = { text, libavutil: [57, 28] };
  const newer: FfmpegVersion = { text: "10.0", libavutil: [62, 1] };
  const filters = " ... zscale            V->V       Apply\n ... tonemap           V->V       Conversion";
  const lacking = failure("tool_unsupported", "ffmpeg 5.1.9 lacks the decoder hevc.");
  it.each([
    ["complete", ok({ version, filters }), "ok", text],
    [
      "without zscale",
      ok({ version, filters: " ... tonemap           V->V       Conversion" }),
      "warning",
      `${text}, without the filters zscale and tonemap`,
    ],
    ["newer than any that was tried", ok({ version: newer, filters }), "warning", "10.0"],
    ["without HEVC", err(lacking), "failure", lacking.detail],
  ] as const)("%s", (_, ffmpeg, verdict, detail) => {
    expect(judgeFfmpeg(ffmpeg)).toMatchObject({ verdict, detail });
  });

  it("'s ffprobe", () => {
    expect(judgeFfprobe(ok(version))).toMatchObject({ verdict: "ok", detail: text });
    const missing = failure("tool_missing", "ffprobe was not found.");
    expect(judgeFfprobe(err(missing))).toMatchObject({ verdict: "failure", detail: missing.detail });
  });
});

describe("the sandbox", () => {
  const confined = { method: "bubblewrap", program: [], reason: null } as const;
  const findings: SandboxFindings = {
    platform: "linux",
    setting: "auto",
    hasBubblewrap: true,
    method: "bubblewrap",
    programs: [confined],
  };
  it.each<[string, Partial<SandboxFindings>, Check["verdict"], RegExp]>([
    ["complete", {}, "ok", /bubblewrap/],
    ["by Landlock", { method: "landlock-net", hasBubblewrap: false }, "ok", /Landlock/],
    ["only from the network", { method: "network", hasBubblewrap: false }, "warning", /this user's files$/],
    ["only from files", { method: "landlock" }, "warning", /the network$/],
    ["none", { method: null }, "warning", /this user's files and the network/],
    ["off", { setting: "off", method: null }, "warning", /^off/],
    ["on macOS", { platform: "darwin", method: null }, "skipped", /needs Linux/],
    [
      "not for one program",
      { programs: [confined, { method: "network", program: [], reason: "/opt/x does not start" }] },
      "warning",
      /^\/opt\/x does not start/,
    ],
  ])("%s", (_, changed, verdict, detail) => {
    expect(judgeSandbox({ ...findings, ...changed })).toMatchObject([
      { verdict, detail: expect.stringMatching(detail) },
    ]);
  });

  it("says what to do", () => {
    const remedyWith = (hasBubblewrap: boolean) =>
      judgeSandbox({ ...findings, method: "network", hasBubblewrap })[0]?.remedy;
    expect(remedyWith(false)).toContain("apt-get install bubblewrap");
    expect(remedyWith(true)).toContain("namespaces");
  });
});

describe("resources", () => {
  it.each([
    [100 * GIB, null, null, "ok"],
    [10 * GIB, null, null, "warning"],
    [1 * GIB, null, null, "failure"],
    [100 * GIB, "EACCES: permission denied", null, "failure"],
    [100 * GIB, null, "NFS", "warning"],
    [100 * GIB, "a database does not work there: locking protocol", "NFS", "failure"],
  ])(
    "a disk with %d bytes free, problem %j, file system %j: %s",
    (free, problem, networkFileSystem, verdict) => {
      expect(judgeDisk("/w", free, { problem, networkFileSystem }).verdict).toBe(verdict);
    },
  );

  it.each([
    [64 * GIB, 40 * GIB, "ok"],
    [64 * GIB, 1 * GIB, "warning"],
    [4 * GIB, 3 * GIB, "warning"],
    [2 * GIB, 2 * GIB, "failure"],
  ])("memory of %d bytes, %d available: %s", (total, available, verdict) => {
    expect(judgeMemory(total, available).verdict).toBe(verdict);
  });
});

describe("the engine", () => {
  const capacity = {
    engines: [],
    default_engine: "nerfstudio" as const,
    reason: "Runs nerfstudio.",
    gpus: [],
  };
  it.each([
    [2, "ok", "Runs nerfstudio. Takes 2 jobs at a time."],
    [1, "ok", "Runs nerfstudio. Takes one job at a time."],
    [0, "failure", "Runs nerfstudio."],
  ])("with %d slots", (slots, verdict, detail) => {
    expect(judgeCapacity({ ...capacity, slots })).toMatchObject({ verdict, detail });
  });
});

describe("doctorText", () => {
  it("has a line for each check, followed by its remedy", () => {
    const checks = [
      good("GPU", "fine"),
      warning("Memory", "little", "Buy more."),
      failing("COLMAP", "gone", "Install it."),
    ];
    expect(doctorText(checks)).toBe(
      `✓ GPU     fine
! Memory  little
          → Buy more.
✗ COLMAP  gone
          → Install it.

1 check failed, 1 warning.`,
    );
  });

  it.each<[string, Check[]]>([
    ["All checks passed.", [good("GPU", "fine")]],
    ["No check failed, 1 warning.", [warning("Memory", "little", "Buy more.")]],
    ["2 checks failed.", [failing("GPU", "gone", "Buy one."), failing("COLMAP", "gone", "Install it.")]],
  ])("concludes %j", (conclusion, checks) => {
    expect(doctorText(checks).split("\n\n").at(-1)).toBe(conclusion);
  });
});
