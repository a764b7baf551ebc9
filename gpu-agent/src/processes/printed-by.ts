import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { runTool, type ToolCall } from "./run-tool.ts";

const TIMEOUT_MS = 60_000;

/**
 * What a program prints about itself, on both streams.
 *
 * @param call `cwd` is writable for a confined program
 * @returns `tool_missing`, or `tool_unsupported` for a program that cannot start
 */
export async function printedBy(
  call: Pick<ToolCall, "file" | "args" | "cwd" | "env" | "confine"> & {
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Result<string, Failure>> {
  const lines: string[] = [];
  const exit = await runTool({
    ...call,
    signal: call.signal ?? new AbortController().signal,
    timeoutMs: TIMEOUT_MS,
    silenceMs: TIMEOUT_MS,
    onLine: (line) => lines.push(line),
  });
  if (!exit.ok) {
    const { code, detail } = exit.error;
    const isClear = code === "tool_missing" || code === "agent_stopped";
    return err(isClear ? exit.error : failure("tool_unsupported", detail));
  }
  const { exitCode, signal, tail } = exit.value;
  // For example, a library is missing or the CPU is too old.
  if (lines.length === 0 || signal !== null || exitCode === 127) {
    const how = signal ?? `exit code ${exitCode}`;
    const said = tail.at(-1) === undefined ? "" : ` It said: ${tail.at(-1)}`;
    return err(failure("tool_unsupported", `${call.file} does not run (${how}).${said}`));
  }
  return ok(lines.join("\n"));
}
