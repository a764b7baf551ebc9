import { describe, expect, it } from "vitest";
import { systemFailure, systemFailureInOutput } from "./system-failure.ts";

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
    ["Error while decoding stream", null],
  ])("%s is %s", (line, code) => {
    expect(systemFailureInOutput(line)?.code ?? null).toBe(code);
  });
});
