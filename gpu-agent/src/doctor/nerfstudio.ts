import type { EngineChoice, Result } from "@splatt/shared";
import {
  gsplatObstacle,
  nerfstudioObstacle,
  type ProbeReport,
  torchObstacle,
} from "../engines/nerfstudio/probe-report.ts";
import { type Check, failing, good, skipped } from "./check.ts";

const INSTALL = "https://docs.nerf.studio/quickstart/installation.html";

/**
 * @param wanted whether nerfstudio is to train jobs; see `wantsNerfstudio`
 * @param found the packages of its Python, or why the probe failed
 */
export function judgeNerfstudio(wanted: boolean, found: Result<ProbeReport, string>): Check[] {
  if (!wanted) return [skipped("nerfstudio", "not needed by the chosen engine")];
  if (!found.ok) {
    const remedy = `Install nerfstudio (${INSTALL}) and set NERF_PYTHON_PATH to the Python of its environment, as in /opt/nerfstudio/bin/python.`;
    return [failing("Python", found.error, remedy)];
  }
  const report = found.value;
  return [
    good("Python", report.python),
    judge("nerfstudio", nerfstudioObstacle(report), report.nerfstudio, nerfstudioRemedy(report)),
    judge(
      "PyTorch",
      torchObstacle(report),
      `${report.torch} with CUDA ${report.cuda} on ${report.gpu}`,
      torchRemedy(report),
    ),
    ...(report.gpu === null
      ? [skipped("gsplat", `${report.gsplat ?? "not installed"}; checked once PyTorch finds the GPU`)]
      : [judge("gsplat", gsplatObstacle(report), gsplatText(report), gsplatRemedy(report))]),
    // Only gsplat needs the toolkit, to compile its kernels; its own check reports what is missing.
    report.nvcc === null
      ? skipped("CUDA toolkit", "nvcc not found")
      : good("CUDA toolkit", `nvcc ${report.nvcc}`),
  ];
}

/** Whether to check nerfstudio: ENGINE allows it, or NERF_PYTHON_PATH is set. */
export function wantsNerfstudio(engine: EngineChoice, pythonPath: string | null): boolean {
  return engine === "nerfstudio" || engine === "auto" || pythonPath !== null;
}

function judge(name: string, obstacle: string | null, detail: string | null, remedy: string): Check {
  return obstacle === null ? good(name, detail ?? "") : failing(name, obstacle, remedy);
}

function nerfstudioRemedy({ open3d_error }: ProbeReport): string {
  if (open3d_error === null) return 'pip install "nerfstudio>=1.1.5" in its environment.';
  return /cannot open shared object file/.test(open3d_error)
    ? "Install the missing library; on Debian and Ubuntu, libGL.so.1 is in the package libgl1."
    : "pip install --force-reinstall open3d in nerfstudio's environment.";
}

function torchRemedy({ torch, cuda, gpu_error }: ProbeReport): string {
  const wheels = "https://pytorch.org/get-started/locally has the command for your CUDA version.";
  if (torch === null) return `Install PyTorch in nerfstudio's environment; ${wheels}`;
  if (cuda === null) return `Install a build of PyTorch with CUDA; ${wheels}`;
  if (/driver|forward compatibility|not yet initialized/i.test(gpu_error ?? ""))
    return "Install or update the NVIDIA driver, then reboot.";
  if (/no kernel image/i.test(gpu_error ?? "")) return `Install a build of PyTorch for this GPU; ${wheels}`;
  return "Check that the agent's user can open /dev/nvidia*, and check CUDA_VISIBLE_DEVICES and GPUS if they are set.";
}

function gsplatText({ gsplat, gsplat_prebuilt }: ProbeReport): string {
  return gsplat_prebuilt
    ? `${gsplat}, with compiled kernels`
    : `${gsplat}; the first job compiles the kernels if necessary`;
}

function gsplatRemedy({ gsplat, gsplat_prebuilt, torch, cuda }: ProbeReport): string {
  if (gsplat === null) return "pip install gsplat in nerfstudio's environment.";
  const wheel = `https://docs.gsplat.studio/whl has builds for PyTorch ${torch} and CUDA ${cuda}`;
  if (gsplat_prebuilt) return `Install the matching build: pip install --force-reinstall gsplat; ${wheel}.`;
  return `Either install a build with kernels (${wheel}), or the CUDA toolkit ${cuda} with nvcc, a C++ compiler and ninja.`;
}
