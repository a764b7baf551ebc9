import { describe, expect, it } from "vitest";
import { systemFailure, systemFailureInOutput, workspaceFailure } from "./system-failure.ts";

function error(code: string | null, message = "m"): Error {
  return Object.assign(new Error(message), code === null ? {} : { code });
}

describe("systemFailure", () => {
  it.each([
    [error("ENOSPC"), "disk_full"],
    [error("EDQUOT"), "disk_full"],
    [error("ENOMEM"), "out_of_memory"],
    [error("ERR_WORKER_OUT_OF_MEMORY"), "out_of_memory"],
    [error(null, "WebAssembly.Memory(): could not allocate memory"), "out_of_memory"],
    [error("EROFS"), "workspace_unusable"],
    [error("EIO"), "workspace_unusable"],
    [Object.assign(error("EACCES"), { path: "/w/job.json", syscall: "open" }), "workspace_unusable"],
    [Object.assign(error("EACCES"), { path: "/home/ada/film.mp4", syscall: "copyfile" }), null],
    [Object.assign(error("EACCES"), { address: "192.0.2.1", syscall: "connect" }), null],
    [error("ENOENT"), null],
    [error(null), null],
    ["no error at all", null],
  ])("%s is %s", (thrown, code) => {
    expect(systemFailure(thrown)?.code ?? null).toBe(code);
  });
});

describe("systemFailureInOutput", () => {
  it.each([
    ["av_interleaved_write_frame(): No space left on device", "disk_full"],
    ["SQLite error [database.cc, line 1]: database or disk is full", "disk_full"],
    ["terminate called after throwing an instance of 'std::bad_alloc'", "out_of_memory"],
    [
      "RuntimeError: [enforce fail at alloc_cpu.cpp:80] DefaultCPUAllocator: not enough memory",
      "out_of_memory",
    ],
    [
      "RuntimeError: DefaultCPUAllocator: can't allocate memory: Error code 12 (Cannot allocate memory)",
      "out_of_memory",
    ],
    ["numpy.core._exceptions._ArrayMemoryError: Unable to allocate 1.61 GiB", "out_of_memory"],
    ["MemoryError", "out_of_memory"],
    ["nvcc error   : 'cicc' died due to signal 9 (Kill signal)", "out_of_memory"],
    ["c++: fatal error: Killed signal terminated program cc1plus", "out_of_memory"],
    ["RuntimeError: DataLoader worker (pid 325) is killed by signal: Killed. ", "out_of_memory"],
    // The GPU's, shared memory, and a damaged file.
    ["MemoryError: std::bad_alloc: cudaErrorMemoryAllocation: out of memory", null],
    ["RuntimeError: unable to write to file </torch_12_34_0>: No space left on device (28)", null],
    ["file:/jobs/1/source.mp4: Cannot allocate memory", null],
    ["Error while decoding stream", null],
  ])("%s is %s", (line, code) => {
    expect(systemFailureInOutput(line)?.code ?? null).toBe(code);
  });
});

it("what is wrong with the workspace is a sentence", () => {
  const error = Object.assign(new Error("ENOENT: mkdir"), {
    code: "ENOENT",
    syscall: "mkdir",
    path: "/proc/x",
  });
  expect(workspaceFailure(error).detail).toBe("It cannot be created there (ENOENT).");
});
