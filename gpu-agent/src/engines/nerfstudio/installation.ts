import { accessSync, constants, readFileSync, realpathSync } from "node:fs";
import { delimiter, dirname, isAbsolute, join } from "node:path";

/** A Python in which nerfstudio is, or should be, installed. */
export interface Installation {
  readonly python: string;
  readonly source: "NERF_PYTHON_PATH" | "ns-train on the PATH";
}

/**
 * The Python to run nerfstudio with: the configured one, else that of the ns-train on the PATH, else null.
 * nerfstudio's programs are then run as modules of this Python, so it does not matter where their scripts are.
 */
export function findInstallation(
  pythonPath: string | null,
  path = process.env.PATH ?? "",
): Installation | null {
  if (pythonPath !== null) return { python: pythonPath, source: "NERF_PYTHON_PATH" };
  for (const folder of path.split(delimiter)) {
    const script = join(folder, "ns-train");
    if (folder === "" || !isExecutable(script)) continue;
    // pipx and the like link to the script from elsewhere.
    const beside = ["python3", "python"].map((name) => join(dirname(realpathSync(script)), name));
    const python = beside.find(isExecutable) ?? interpreterOf(readFileSync(script, "latin1"));
    if (python !== null) return { python, source: "ns-train on the PATH" };
  }
  return null;
}

/** The program in the `#!` line of a script; null when there is none, or one to be searched for (env). */
export function interpreterOf(script: string): string | null {
  const [, program] = /^#!\s*(\S+)/.exec(script) ?? [];
  return program !== undefined && isAbsolute(program) && !program.endsWith("/env") ? program : null;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const STANDARD_CUDA_BIN = "/usr/local/cuda/bin";

/**
 * The variables that nerfstudio's programs run with, beyond the agent's own.
 *
 * @param gpu the UUID of the GPU to use, "none" to hide all GPUs, or null to leave the choice to CUDA
 */
export function toolEnvironment(
  python: string,
  gpu: string | "none" | null,
  inherited: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const bin = dirname(python);
  const path = (inherited.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const cudaHome = inherited.CUDA_HOME;
  const folders = [
    // ninja, which compiles gsplat's kernels, lies here; so does nvcc in conda and pixi environments.
    bin,
    ...(cudaHome ? [join(cudaHome, "bin")] : []),
    ...path,
    // gsplat looks for nvcc on the PATH only, and services are often started without this folder on it.
    STANDARD_CUDA_BIN,
  ];
  return {
    PATH: [...new Set(folders)].join(delimiter),
    PYTHONUNBUFFERED: "1",
    // It prints emoji, which end it with an error in a locale that is not UTF-8.
    PYTHONIOENCODING: "utf-8",
    TERM: "dumb",
    // Checkpoints hold more than weights, which torch from 2.6 on refuses to load otherwise.
    TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD: "1",
    // nerfstudio compiles one small function with TorchDynamo, which needs a C compiler and Python's headers.
    TORCHDYNAMO_DISABLE: "1",
    ...(gpu === null ? {} : { CUDA_VISIBLE_DEVICES: gpu === "none" ? "" : gpu }),
  };
}
