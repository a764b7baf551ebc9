import { stripVTControlCharacters } from "node:util";
import { type Failure, type FailureCode, failure } from "@splatt/shared";
import type { ToolExit } from "../../processes/run-tool.ts";

interface FailureSign {
  readonly pattern: RegExp;
  readonly code: FailureCode;
  /** What it means, for whoever set the machine up. */
  readonly meaning: string;
}

/**
 * What in the output of nerfstudio, gsplat and PyTorch tells why they failed; where several match, the first
 * one here is the cause. The texts are those of nerfstudio 1.1.5, gsplat 1.4.0 and PyTorch up to 2.15.
 */
const FAILURE_SIGNS: readonly FailureSign[] = [
  {
    pattern: /CUDA (?:error: )?out of memory|CUBLAS_STATUS_ALLOC_FAILED/i,
    code: "gpu_out_of_memory",
    meaning: "",
  },
  {
    pattern:
      /No space left on device|Errno 28\b|PytorchStreamWriter failed writing|unexpected pos \d+ vs \d+/,
    code: "disk_full",
    meaning: "",
  },
  {
    pattern: /Torch not compiled with CUDA enabled/,
    code: "engine_unavailable",
    meaning: "PyTorch is built without CUDA.",
  },
  {
    pattern: /no kernel image is available|Unsupported gpu architecture/i,
    code: "engine_unavailable",
    meaning: "PyTorch, gsplat or the CUDA toolkit does not support this GPU.",
  },
  {
    pattern:
      /Found no NVIDIA driver|No CUDA GPUs are available|no CUDA-capable device|Specified device type 'cuda' is not available|NVIDIA driver on your system is too old|driver version is insufficient|CUDA unknown error|fallen off the bus|uncorrectable ECC error|CUDA-capable device\(s\) is\/are busy/i,
    code: "gpu_unavailable",
    meaning: "",
  },
  {
    pattern:
      /gsplat: No CUDA toolkit found|'NoneType' object has no attribute '(?:CameraModelType|fully_fused_projection|isect_tiles|rasterize_to_pixels|compute_sh)/,
    code: "engine_unavailable",
    meaning: "gsplat has no CUDA kernels, and no CUDA toolkit (nvcc) to compile them.",
  },
  {
    pattern: /module 'gsplat_cuda' has no attribute|^ImportError: .*undefined symbol/,
    code: "engine_unavailable",
    meaning: "gsplat's CUDA kernels are of another version; delete its torch_extensions cache.",
  },
  {
    pattern:
      /Error building extension 'gsplat_cuda'|CUDA_HOME environment variable is not set|Ninja is required|detected CUDA version .* mismatches/,
    code: "engine_unavailable",
    meaning: "gsplat's CUDA kernels could not be compiled.",
  },
  {
    pattern: /Weights only load failed|UnpicklingError/,
    code: "engine_unavailable",
    meaning: "PyTorch refused to load the checkpoint.",
  },
  {
    pattern: /urllib\.error\.(?:URLError|HTTPError)/,
    code: "engine_unavailable",
    meaning: "nerfstudio could not download the AlexNet weights that its LPIPS metric needs.",
  },
  {
    pattern: /Unrecognized (?:options|arguments)|invalid choice/i,
    code: "engine_unavailable",
    meaning: "This version of nerfstudio does not know an option that Splatt uses.",
  },
  {
    pattern: /^(?:ModuleNotFoundError|ImportError): /,
    code: "engine_unavailable",
    meaning: "A Python package is missing or broken.",
  },
  {
    pattern:
      /No data found in dataset|The size of image .* does not match the camera parameters|Data directory .* does not exist|Some filenames for split|Expected n_neighbors|UnidentifiedImageError|JSONDecodeError|image file is truncated|No such file or directory: .*\.(?:jpe?g|png|json|ply)'/i,
    code: "dataset_invalid",
    meaning: "",
  },
  {
    pattern: /All tensors must be numpy arrays of float or uint8 type and not empty|Now having 0 GSs/,
    code: "training_diverged",
    meaning: "No gaussian with finite values is left.",
  },
];

const MAX_DETAIL_CHARS = 400;

/**
 * Collects, from all that a program prints, what explains its failure. Warnings of healthy programs may match
 * too, so it is asked only once the program has failed.
 */
export class FailureEvidence {
  #rank = FAILURE_SIGNS.length;
  #line = "";
  #lastError = "";

  observe(line: string): void {
    const text = stripVTControlCharacters(line).trim();
    // The last line of a Python traceback: not indented, unlike the source lines within it.
    if (/^(?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b(?::|$)/.test(text)) this.#lastError = text;
    const rank = FAILURE_SIGNS.findIndex(({ pattern }) => pattern.test(text));
    if (rank === -1 || rank >= this.#rank) return;
    this.#rank = rank;
    this.#line = text;
  }

  /**
   * @param otherwise the code for a failure that nothing explains
   * @param missing what a successful run would have left
   */
  conclude(exit: ToolExit, otherwise: FailureCode, missing: string): Failure {
    const sign = FAILURE_SIGNS[this.#rank];
    if (sign !== undefined) return failure(sign.code, detailOf(sign.meaning, this.#line));
    if (this.#lastError !== "") return failure(otherwise, detailOf("", this.#lastError));
    const end = exit.signal === null ? `exit code ${exit.exitCode ?? "none"}` : exit.signal;
    return failure(otherwise, `It ended (${end}) without ${missing}.`);
  }
}

function detailOf(meaning: string, line: string): string {
  const said = line.length > MAX_DETAIL_CHARS ? `${line.slice(0, MAX_DETAIL_CHARS)}…` : line;
  return meaning === "" ? said : `${meaning} (${said})`;
}
