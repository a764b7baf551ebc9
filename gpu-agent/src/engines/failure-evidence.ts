import { stripVTControlCharacters } from "node:util";
import { type Failure, type FailureCode, failure } from "@splatt/shared";
import { anyOf } from "../processes/any-of.ts";
import type { ToolExit } from "../processes/run-tool.ts";

/** Something in a trainer's output that tells why it failed. */
export interface FailureSign {
  readonly pattern: RegExp;
  readonly code: FailureCode;
  /** What it means, for whoever set the machine up; empty where the line speaks for itself. */
  readonly meaning: string;
}

/** What CUDA, PyTorch and the operating system say, whichever trainer runs on them. */
export const MACHINE_SIGNS: readonly FailureSign[] = [
  {
    pattern: anyOf(
      /(?:CUDA|HIP|MPS backend) (?:driver )?(?:error: )?out of memory/,
      /cudaMalloc\w* failed: out of memory/,
      /cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY|hipErrorOutOfMemory/,
      /CU(?:BLAS|DNN)_STATUS_ALLOC_FAILED/,
      /OutOfMemoryError: Allocation on device/,
      // PyTorch asks NVML how much memory there is while it says that there is none; that can fail too.
      /NVML_SUCCESS == r INTERNAL ASSERT FAILED/,
    ),
    code: "gpu_out_of_memory",
    meaning: "",
  },
  {
    pattern: /insufficient shared memory|out of shared memory|<\/torch_.*No space left on device/,
    code: "out_of_memory",
    meaning: "Shared memory (/dev/shm) is too small; a container wants --shm-size.",
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
      /no kernel image is available|compiled with an unsupported toolchain/,
      /(?:CUDA|HIP) error: invalid device function/,
      /Unsupported gpu architecture|is not defined for option 'gpu-name'/,
    ),
    code: "engine_unavailable",
    meaning: "PyTorch, gsplat or the CUDA toolkit does not support this GPU.",
  },
  {
    pattern: anyOf(
      /Found no NVIDIA driver|NVIDIA driver on your system is too old|driver version is insufficient/,
      /No CUDA GPUs are available|no CUDA-capable device|CUDA-capable device\(s\) is\/are busy/,
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
 * Collects, from all that a program prints, what explains its failure. Warnings of healthy programs may match
 * too, so it is asked only once the program has failed.
 */
export class FailureEvidence {
  readonly #signs: readonly FailureSign[];
  #rank: number;
  #line = "";
  #lastError = "";
  #panicked = false;

  /** @param signs where several match, the first one here is the cause */
  constructor(signs: readonly FailureSign[]) {
    this.#signs = signs;
    this.#rank = signs.length;
  }

  observe(line: string): void {
    const text = stripVTControlCharacters(line).trim();
    // The last line of a Python traceback: not indented, unlike the source lines within it.
    if (/^(?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b(?::|$)/.test(text)) this.#lastError = text;
    // Programs in Rust say why on the line after, and only the first panic is the cause; those in C++ after "what():".
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
   * @param otherwise the code for a failure that nothing explains
   * @param missing what a successful run would have left
   */
  conclude(exit: ToolExit, otherwise: FailureCode, missing: string): Failure {
    const sign = this.#signs[this.#rank];
    if (sign !== undefined) return failure(sign.code, detailOf(sign.meaning, this.#line));
    if (this.#lastError !== "") return failure(otherwise, detailOf("", this.#lastError));
    const end = exit.signal === null ? `exit code ${exit.exitCode ?? "none"}` : exit.signal;
    // A program that gives up by itself says why at the end; one that is killed, or content, does not.
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
