import { stripVTControlCharacters } from "node:util";
import { type Failure, type FailureCode, failure } from "@splatt/shared";
import { anyOf } from "../processes/any-of.ts";
import type { ToolExit } from "../processes/run-tool.ts";

/** A line in a trainer's output that explains its failure. */
export interface FailureSign {
  readonly pattern: RegExp;
  readonly code: FailureCode;
  /** The cause and the remedy, for the person who set up the machine; empty when the line is self-explanatory. */
  readonly meaning: string;
}

/** Lines of CUDA, PyTorch and the operating system, common to all trainers. */
export const MACHINE_SIGNS: readonly FailureSign[] = [
  {
    pattern: anyOf(
      /(?:CUDA|HIP|MPS backend) (?:driver )?(?:error: )?out of memory/,
      /cudaMalloc\w* failed: out of memory/,
      /cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY|hipErrorOutOfMemory/,
      /CU(?:BLAS|DNN)_STATUS_ALLOC_FAILED/,
      /OutOfMemoryError: Allocation on device/,
      // When PyTorch reports that memory ran out it queries NVML, and that can fail too.
      /NVML_SUCCESS == r INTERNAL ASSERT FAILED/,
    ),
    code: "gpu_out_of_memory",
    meaning: "",
  },
  {
    pattern: /insufficient shared memory|out of shared memory|<\/torch_.*No space left on device/,
    code: "out_of_memory",
    meaning: "Shared memory (/dev/shm) is too small. Start the container with a larger --shm-size.",
  },
  {
    pattern:
      /No space left on device|Errno 28\b|os error 28\b|PytorchStreamWriter failed writing|unexpected pos \d+ vs \d+/,
    code: "disk_full",
    meaning: "",
  },
  {
    pattern: /Torch not compiled with CUDA enabled/,
    code: "engine_unavailable",
    meaning: "PyTorch is built without CUDA.",
  },
  {
    pattern: anyOf(
      /Unsupported gpu architecture|is not defined for option 'gpu-name'/,
      // PyTorch's list of the architectures that its extensions may be compiled for.
      /Unknown CUDA arch \(.*\) or GPU not supported/,
    ),
    code: "engine_unavailable",
    meaning:
      "The CUDA toolkit (nvcc) or PyTorch is older than this GPU. Install a toolkit and a PyTorch for a CUDA version that supports it: 12.8 or newer for RTX 50 cards (sm_120), 11.8 or newer for RTX 40 (sm_89).",
  },
  {
    pattern: anyOf(
      /no kernel image is available|is not compatible with the current PyTorch installation/,
      /(?:CUDA|HIP) error: invalid device function/,
    ),
    code: "engine_unavailable",
    meaning:
      "PyTorch or gsplat has no kernels for this GPU. RTX 50 cards (sm_120) need a PyTorch built for CUDA 12.8 or newer, and gsplat's kernels compiled with it; a GPU that PyTorch has dropped needs an older PyTorch.",
  },
  {
    pattern: anyOf(
      /NVIDIA driver on your system is too old|driver version is insufficient/,
      /compiled with an unsupported toolchain/,
    ),
    code: "gpu_unavailable",
    meaning:
      "The NVIDIA driver is older than the CUDA version of PyTorch or its kernels. Update the driver, or install a PyTorch for an older CUDA.",
  },
  {
    pattern: anyOf(
      /Driver\/library version mismatch|unsupported display driver \/ cuda driver combination/,
      /forward compatibility was attempted on non supported HW/,
    ),
    code: "gpu_unavailable",
    meaning:
      "The components of the NVIDIA driver have different versions. Reboot after a driver update; in a container, remove its own CUDA compatibility libraries.",
  },
  {
    pattern: anyOf(
      /Found no NVIDIA driver|No CUDA GPUs are available|no CUDA-capable device/,
      /CUDA-capable device\(s\) is\/are busy/,
      /Specified device type 'cuda' is not available|Unexpected error from cudaGetDeviceCount/,
      /CUDA error: (?:invalid device ordinal|initialization error|system not yet initialized)/,
      /CUDA driver initialization failed|CUDA unknown error/,
      /fallen off the bus|uncorrectable ECC error/,
    ),
    code: "gpu_unavailable",
    meaning: "",
  },
];

const MAX_DETAIL_CHARS = 400;

/**
 * Collects the lines of a program's output that explain its failure. Warnings of healthy programs may match too, so it
 * is consulted only after the program has failed.
 */
export class FailureEvidence {
  readonly #signs: readonly FailureSign[];
  #rank: number;
  #line = "";
  #lastError = "";
  #panicked = false;

  /** @param signs in order of precedence: of several that match, the first is the cause */
  constructor(signs: readonly FailureSign[]) {
    this.#signs = signs;
    this.#rank = signs.length;
  }

  observe(line: string): void {
    const text = stripVTControlCharacters(line).trim();
    // The last line of a Python traceback: not indented, unlike the source lines within it.
    if (/^(?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b(?::|$)/.test(text)) this.#lastError = text;
    // Rust programs print the reason on the line after a panic, and the first panic is the cause; C++ after "what():".
    if (this.#panicked && this.#lastError === "") this.#lastError = text;
    this.#panicked = /^thread '.*' (?:\(\d+\) )?panicked at /.test(text);
    const [, what] = /^what\(\): +(.+)$/.exec(text) ?? [];
    if (what !== undefined) this.#lastError = what;
    const rank = this.#signs.findIndex(({ pattern }) => pattern.test(text));
    if (rank === -1 || rank >= this.#rank) return;
    this.#rank = rank;
    this.#line = text;
  }

  /**
   * @param otherwise the code for an unexplained failure
   * @param missing what a successful run would have produced
   */
  conclude(exit: ToolExit, otherwise: FailureCode, missing: string): Failure {
    const sign = this.#signs[this.#rank];
    if (sign !== undefined) return failure(sign.code, detailOf(sign.meaning, this.#line));
    if (this.#lastError !== "") return failure(otherwise, detailOf("", this.#lastError));
    const end = exit.signal === null ? `exit code ${exit.exitCode ?? "none"}` : exit.signal;
    // A program that exits with an error prints why at the end; one that was killed, or succeeded, does not.
    const last = exit.exitCode === null || exit.exitCode === 0 ? undefined : exit.tail.at(-1);
    const words =
      last === undefined ? "" : ` Its last line: ${detailOf("", stripVTControlCharacters(last).trim())}`;
    return failure(otherwise, `It ended (${end}) without ${missing}.${words}`);
  }
}

function detailOf(meaning: string, line: string): string {
  const said = line.length > MAX_DETAIL_CHARS ? `${line.slice(0, MAX_DETAIL_CHARS)}…` : line;
  return meaning === "" ? said : `${meaning} (${said})`;
}
