import type { EngineProbe } from "@splatt/shared";
import { z } from "zod";

/** The output of python/splatt_probe.py. */
export const ProbeReport = z.object({
  python: z.string(),
  /** Versions; null when the package is not installed. */
  nerfstudio: z.string().nullable(),
  gsplat: z.string().nullable(),
  torch: z.string().nullable(),
  torch_error: z.string().nullable(),
  /** The CUDA version that PyTorch was built with; null for a build without CUDA. */
  cuda: z.string().nullable(),
  /** The GPU that a small computation ran on. */
  gpu: z.string().nullable(),
  /** Its compute capability, e.g. "12.0"; null when no GPU could be used. */
  capability: z.string().nullable().default(null),
  gpu_error: z.string().nullable(),
  gsplat_prebuilt: z.boolean(),
  gsplat_error: z.string().nullable(),
  open3d_error: z.string().nullable(),
  /** The CUDA toolkit's version; null without nvcc. */
  nvcc: z.string().nullable(),
  compiler: z.boolean(),
  ninja: z.boolean(),
});
export type ProbeReport = z.infer<typeof ProbeReport>;

const MARK = "SPLATT_PROBE ";
/** The first with `ns-export --output-filename`, which we use. */
const OLDEST_VERSION = [1, 1, 5] as const;

/** Finds the probe's line in the output, which may hold warnings of PyTorch; null when there is none. */
export function parseProbeReport(lines: readonly string[]): ProbeReport | null {
  const line = lines.findLast((candidate) => candidate.startsWith(MARK));
  if (line === undefined) return null;
  try {
    return ProbeReport.parse(JSON.parse(line.slice(MARK.length)));
  } catch {
    return null;
  }
}

/** Whether nerfstudio works in that Python. `reason` is public and names no paths. */
export function judgeProbeReport(report: ProbeReport): EngineProbe {
  const why = obstacle(report);
  if (why !== null) return { name: "nerfstudio", usable: false, version: report.nerfstudio, reason: why };
  const versions = `nerfstudio ${report.nerfstudio} with PyTorch ${report.torch} and CUDA ${report.cuda}`;
  const kernels = report.gsplat_prebuilt ? "" : " The first job compiles gsplat's CUDA kernels if needed.";
  return {
    name: "nerfstudio",
    usable: true,
    version: report.nerfstudio,
    reason: `${versions} on ${report.gpu}.${kernels}`,
  };
}

function obstacle(report: ProbeReport): string | null {
  return nerfstudioObstacle(report) ?? torchObstacle(report) ?? gsplatObstacle(report);
}

/** Why nerfstudio itself cannot be used; null when it can. The reason is public, like those below: no paths. */
export function nerfstudioObstacle(report: ProbeReport): string | null {
  if (report.nerfstudio === null) return "nerfstudio is not installed in its Python environment.";
  if (isOlder(report.nerfstudio, OLDEST_VERSION)) {
    return `nerfstudio ${report.nerfstudio} is too old; ${OLDEST_VERSION.join(".")} or later is needed.`;
  }
  if (report.open3d_error !== null) {
    return `Open3D, which nerfstudio reads points with, cannot be loaded (${report.open3d_error}).`;
  }
  return null;
}

/** Why PyTorch cannot compute on the GPU; null when it can. */
export function torchObstacle(report: ProbeReport): string | null {
  if (report.torch === null) return "PyTorch is not installed in nerfstudio's Python environment.";
  if (report.torch_error !== null) return `PyTorch ${report.torch} cannot be loaded (${report.torch_error}).`;
  if (report.cuda === null) return `PyTorch ${report.torch} is built without CUDA, so it cannot use the GPU.`;
  return report.gpu === null ? gpuObstacle(report) : null;
}

/** Why gsplat's kernels can neither run nor be compiled; null when they can. */
export function gsplatObstacle(report: ProbeReport): string | null {
  if (report.gsplat === null) return "gsplat is not installed in nerfstudio's Python environment.";
  return kernelObstacle(report);
}

function gpuObstacle({ torch, cuda, gpu_error }: ProbeReport): string {
  const said = gpu_error ?? "";
  if (/no NVIDIA driver/i.test(said)) return "PyTorch finds no NVIDIA driver.";
  if (/driver.*too old|driver version is insufficient/i.test(said)) {
    return `The NVIDIA driver is too old for PyTorch ${torch}, which is built for CUDA ${cuda}. Update the driver.`;
  }
  if (/no CUDA GPUs are available|no CUDA-capable device|invalid device ordinal/i.test(said)) {
    return "PyTorch finds no CUDA GPU.";
  }
  if (/no kernel image|not compatible with the current PyTorch/i.test(said)) {
    return `PyTorch ${torch} is not built for this GPU; RTX 50 cards need a PyTorch for CUDA 12.8 or newer.`;
  }
  return `PyTorch cannot use the GPU (${said}).`;
}

function kernelObstacle(report: ProbeReport): string | null {
  const { gsplat, gsplat_prebuilt, gsplat_error, cuda, nvcc, capability, gpu } = report;
  if (gsplat_prebuilt) {
    return gsplat_error === null
      ? null
      : `gsplat ${gsplat} is not built for PyTorch ${report.torch} (${gsplat_error}).`;
  }
  const toCompile = `gsplat ${gsplat} comes without CUDA kernels, and to compile them`;
  if (nvcc === null) return `${toCompile} the CUDA toolkit (nvcc) is missing.`;
  if (!report.compiler) return `${toCompile} a C++ compiler is missing.`;
  if (!report.ninja) return `${toCompile} ninja is missing.`;
  if (nvcc.split(".")[0] !== cuda?.split(".")[0]) {
    return `${toCompile} the CUDA toolkit ${nvcc} does not match PyTorch, which is built for CUDA ${cuda}.`;
  }
  const needed = toolkitFor(capability);
  if (needed !== null && isOlder(nvcc, needed)) {
    return `${toCompile} for ${gpu} the CUDA toolkit ${nvcc} is too old; ${needed.join(".")} or newer is needed.`;
  }
  return null;
}

/** The first CUDA toolkits that compile for a generation of GPUs, by its compute capability. */
const TOOLKITS: readonly (readonly [capability: number, toolkit: readonly number[]])[] = [
  [10, [12, 8]],
  [8.9, [11, 8]],
  [8.6, [11, 1]],
  [8, [11, 0]],
];

function toolkitFor(capability: string | null): readonly number[] | null {
  return TOOLKITS.find(([least]) => Number(capability ?? 0) >= least)?.[1] ?? null;
}

function isOlder(version: string, than: readonly number[]): boolean {
  const parts = version.split(".").map((part) => Number.parseInt(part, 10));
  for (const [i, least] of than.entries()) {
    const part = parts[i] ?? 0;
    if (part !== least) return part < least;
  }
  return false;
}
