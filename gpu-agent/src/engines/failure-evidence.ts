import { stripVTControlCharacters } from "node:util";
import { type Failure, type FailureCode, failure } from "@splatt/shared";
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
    pattern: /CUDA (?:error: )?out of memory|CUBLAS_STATUS_ALLOC_FAILED/i,
    code: "gpu_out_of_memory",
    meaning: "",
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

  /** @param signs where several match, the first one here is the cause */
  constructor(signs: readonly FailureSign[]) {
    this.#signs = signs;
    this.#rank = signs.length;
  }

  observe(line: string): void {
    const text = stripVTControlCharacters(line).trim();
    // The last line of a Python traceback: not indented, unlike the source lines within it.
    if (/^(?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b(?::|$)/.test(text)) this.#lastError = text;
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
    return failure(otherwise, `It ended (${end}) without ${missing}.`);
  }
}

function detailOf(meaning: string, line: string): string {
  const said = line.length > MAX_DETAIL_CHARS ? `${line.slice(0, MAX_DETAIL_CHARS)}…` : line;
  return meaning === "" ? said : `${meaning} (${said})`;
}
