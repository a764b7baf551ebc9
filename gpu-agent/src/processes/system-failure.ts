import { errorText, type Failure, failure } from "@splatt/shared";
import { folderProblem } from "@splatt/shared/folders";
import { anyOf } from "./any-of.ts";

/** The failure for an operating system's error; null when the machine is not to blame. */
export function systemFailure(error: unknown): Failure | null {
  if (!(error instanceof Error)) return null;
  const code = "code" in error ? String(error.code) : "";
  if (code === "ENOSPC" || code === "EDQUOT") return failure("disk_full", error.message);
  if (UNUSABLE_DISK.has(code)) return failure("workspace_unusable", error.message);
  // Only file errors have a path; a connection blocked by a firewall has the same codes.
  const isForbiddenFile = (code === "EACCES" || code === "EPERM") && "path" in error;
  const isOfSource =
    "syscall" in error && (error.syscall === "copyfile" || String(error.syscall).startsWith("spawn"));
  if (isForbiddenFile && !isOfSource) return failure("workspace_unusable", error.message);
  const isMemory = code === "ENOMEM" || code === "ERR_WORKER_OUT_OF_MEMORY" || NO_MEMORY.test(error.message);
  return isMemory ? failure("out_of_memory", error.message) : null;
}

/** Makes a sentence of a problem that is worded as a part of one: a capital at the start, one full stop at the end. */
export function sentence(problem: string): string {
  return `${problem.charAt(0).toUpperCase()}${problem.slice(1).replace(/\.$/, "")}.`;
}

/** The failure for an error in the use of the workspace itself. */
export function workspaceFailure(error: unknown): Failure {
  return (
    systemFailure(error) ?? failure("workspace_unusable", sentence(folderProblem(error) ?? errorText(error)))
  );
}

/** A disk that fails or was remounted read-only, or a network share whose server is gone. */
const UNUSABLE_DISK: ReadonlySet<string> = new Set(["EROFS", "EIO", "ESTALE", "ENOTCONN", "EHOSTDOWN"]);

/** Like `systemFailure`, from a tool's last output. */
export function systemFailureInOutput(line: string): Failure | null {
  if (DISK_FULL.test(line)) return failure("disk_full", line.trim());
  return BAD_ALLOC.test(line) ? failure("out_of_memory", line.trim()) : null;
}

const NO_MEMORY = /could not allocate memory|Array buffer allocation failed|WebAssembly\.Memory\(\)/;
const DISK_FULL = anyOf(
  // The kernel's wording, except where PyTorch uses it for shared memory.
  /^(?!.*<\/torch_).*No space left on device|Disk quota exceeded/,
  // SQLite's wording: COLMAP's database uses SQLite.
  /database or disk is full/,
);
const BAD_ALLOC = anyOf(
  // thrust has an exception of the same name, which is about the GPU's memory.
  /std::bad_alloc(?!: cuda)|\(-4:Insufficient memory\)/,
  // ffprobe's message on a damaged index begins with the file name.
  /^(?!file:).*Cannot allocate memory/,
  /DefaultCPUAllocator: not enough memory|ArrayMemoryError: |^MemoryError$/,
  // By the kernel: nvcc's, gcc's and PyTorch's words for it.
  /died due to signal 9|Killed signal terminated program|DataLoader worker .* killed by signal: Killed/,
);
