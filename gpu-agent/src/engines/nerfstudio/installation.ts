import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";

/** A Python in which nerfstudio is, or should be, installed. */
export interface Installation {
  /** Absolute, with links unresolved: a virtual environment's Python is a link that must not be followed. */
  readonly python: string;
  readonly source: "NERF_PYTHON_PATH" | "ns-train on the PATH";
}

/** Where a Python lies in the folder of an environment, or of the project that has it. */
const PYTHONS = [".", ".venv", "venv", ".pixi/envs/default"].flatMap((environment) =>
  ["python3", "python"].map((name) => join(environment, "bin", name)),
);

/**
 * The Python to run nerfstudio with: the configured one, else that of the ns-train on the PATH, else null.
 * nerfstudio's programs are then run as modules of this Python, so it does not matter where their scripts are.
 *
 * @param configured a Python, by its path or as a name on the PATH, or the folder of an environment (venv, conda,
 *   pixi) or of a project that has one in its usual place
 */
export function findInstallation(
  configured: string | null,
  path = process.env.PATH ?? "",
): Installation | null {
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  if (configured !== null) return { python: pythonAt(configured, folders), source: "NERF_PYTHON_PATH" };
  for (const folder of folders) {
    const script = join(folder, "ns-train");
    if (!isExecutable(script)) continue;
    // pipx and the like link to the script from elsewhere.
    const siblings = ["python3", "python"].map((name) => join(dirname(realpathSync(script)), name));
    const python = siblings.find(isExecutable) ?? interpreterOf(readFileSync(script, "latin1"));
    if (python !== null) return { python, source: "ns-train on the PATH" };
  }
  return null;
}

function pythonAt(configured: string, folders: readonly string[]): string {
  if (!configured.includes("/")) {
    const found = folders.map((folder) => join(folder, configured)).find(isExecutable);
    if (found !== undefined) return found;
  }
  const place = resolve(configured);
  if (!isFolder(place)) return place;
  return PYTHONS.map((python) => join(place, python)).find(isExecutable) ?? place;
}

/** The interpreter in the `#!` line of a script; null without one, or for `env`, which searches the PATH. */
export function interpreterOf(script: string): string | null {
  const [, program] = /^#!\s*(\S+)/.exec(script) ?? [];
  return program !== undefined && isAbsolute(program) && !program.endsWith("/env") ? program : null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return !isFolder(path);
  } catch {
    return false;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The variables of `conda activate` or `pixi shell` that compiling gsplat's kernels needs; none elsewhere. */
function activation(python: string): Record<string, string> {
  const prefix = dirname(dirname(python));
  if (!existsSync(join(prefix, "conda-meta"))) return {};
  // Compiler packages name the compilers after the platform and put no "c++" on the PATH.
  const compiler = (name: string) => join(prefix, "bin", `x86_64-conda-linux-gnu-${name}`);
  const [cc, cxx] = [compiler("cc"), compiler("c++")];
  return {
    CONDA_PREFIX: prefix,
    ...(isExecutable(cc) && isExecutable(cxx) ? { CC: cc, CXX: cxx, NVCC_CCBIN: cxx } : {}),
  };
}

const STANDARD_CUDA_BIN = "/usr/local/cuda/bin";

/**
 * The environment variables of nerfstudio's programs, in addition to the agent's.
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
    // nerfstudio prints emoji, which crash it in a locale that is not UTF-8.
    PYTHONIOENCODING: "utf-8",
    TERM: "dumb",
    // Checkpoints hold more than weights, which torch from 2.6 on refuses to load otherwise.
    TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD: "1",
    // nerfstudio compiles one small function with TorchDynamo, which needs a C compiler and Python's headers.
    TORCHDYNAMO_DISABLE: "1",
    ...activation(python),
    ...(gpu === null ? {} : { CUDA_VISIBLE_DEVICES: gpu === "none" ? "" : gpu }),
  };
}
