import { StringDecoder } from "node:string_decoder";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { execa } from "execa";
import { childEnvironment } from "./child-environment.ts";
import { systemFailureInOutput } from "./system-failure.ts";

export interface ToolCall {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Added to what the tool gets of the agent's own environment; see `childEnvironment`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** The longest the tool may run. */
  readonly timeoutMs: number;
  /** The longest the tool may print nothing. */
  readonly silenceMs: number;
  readonly onLine: (line: string, stream: "stdout" | "stderr") => void;
  /** Takes what the tool writes on stdout as it is; then only stderr has lines. */
  readonly onBytes?: (chunk: Buffer) => void;
}

export interface ToolExit {
  /** Null when a signal ended the tool. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The last lines of both streams, in the order of arrival. */
  readonly tail: readonly string[];
}

const TAIL_LINES = 50;
const MAX_LINE_CHARS = 2000;
const KILL_GRACE_MS = 5000;
/** How a shell, or a program that starts others, passes on that one was killed: 128 + 9. */
const SIGKILL_EXIT_CODE = 137;

/**
 * Runs a program without a shell, in a process group of its own, and hands out what it prints line by line.
 * Cancel, timeout, silence and the agent's own exit end the whole group: SIGTERM, then SIGKILL.
 *
 * An exit code other than 0 is not a failure here: several of our tools lie with it, so the caller judges.
 *
 * @returns `tool_missing`, `stage_timeout`, `stage_stalled`, `disk_full`, `out_of_memory`, or `agent_stopped` when
 *   `signal` was aborted
 */
export async function runTool(call: ToolCall): Promise<Result<ToolExit, Failure>> {
  if (call.signal.aborted) return err(failure("agent_stopped", ""));
  const tail: string[] = [];
  let silent = false;
  const silence = new AbortController();
  const silenceTimer = setTimeout(() => {
    silent = true;
    silence.abort();
  }, call.silenceMs);

  const subprocess = execa(call.file, [...call.args], {
    cwd: call.cwd,
    env: { ...childEnvironment("engine"), ...call.env },
    extendEnv: false,
    stdin: "ignore",
    buffer: false,
    reject: false,
    cleanup: true,
    killDescendants: true,
    forceKillAfterDelay: KILL_GRACE_MS,
    timeout: call.timeoutMs,
    cancelSignal: AbortSignal.any([call.signal, silence.signal]),
  });

  let shortage: Failure | null = null;
  const lineFrom = (stream: "stdout" | "stderr") => (line: string) => {
    shortage ??= systemFailureInOutput(line);
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    call.onLine(line, stream);
  };
  const { onBytes } = call;
  if (onBytes) {
    subprocess.stdout.on("data", (chunk: Buffer) => {
      silenceTimer.refresh();
      onBytes(chunk);
    });
  }
  for (const stream of onBytes ? (["stderr"] as const) : (["stdout", "stderr"] as const)) {
    const lines = new LineSplitter(lineFrom(stream));
    subprocess[stream].on("data", (chunk: Buffer) => {
      silenceTimer.refresh();
      lines.push(chunk);
    });
    subprocess[stream].on("end", () => lines.end());
  }

  const result = await subprocess;
  clearTimeout(silenceTimer);
  if (result.failed && "code" in result && result.code === "ENOENT") {
    return err(failure("tool_missing", `${call.file} was not found.`));
  }
  if (call.signal.aborted) return err(failure("agent_stopped", ""));
  if (silent) {
    return err(failure("stage_stalled", `${call.file} printed nothing for ${seconds(call.silenceMs)} s.`));
  }
  if (result.timedOut) {
    return err(failure("stage_timeout", `${call.file} ran for more than ${seconds(call.timeoutMs)} s.`));
  }
  if (result.failed && shortage !== null) return err(shortage);
  if (result.signal === "SIGKILL" || result.exitCode === SIGKILL_EXIT_CODE) {
    return err(failure("out_of_memory", `${call.file} was killed, as the kernel does when memory runs out.`));
  }
  return ok({ exitCode: result.exitCode ?? null, signal: result.signal ?? null, tail });
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}

/** Splits a byte stream at newlines and carriage returns; a line of absurd length is cut. */
export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    const pieces = (this.#rest + this.#decoder.write(chunk)).split(/[\r\n]+/);
    this.#rest = (pieces.pop() ?? "").slice(0, MAX_LINE_CHARS);
    for (const piece of pieces) this.#emit(piece);
  }

  end(): void {
    this.#emit(this.#rest + this.#decoder.end());
    this.#rest = "";
  }

  #emit(line: string): void {
    if (line.trim() !== "") this.#onLine(line.slice(0, MAX_LINE_CHARS));
  }
}
