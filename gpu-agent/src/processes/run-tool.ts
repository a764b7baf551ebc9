import { randomUUID } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import { constants } from "node:os";
import { resolve } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { execa } from "execa";
import { childEnvironment } from "./child-environment.ts";
import { findProgram } from "./find-program.ts";
import { killMarked } from "./orphans.ts";
import { type Confinement, machineSandbox } from "./sandbox.ts";
import type { Launch } from "./sandbox-methods.ts";
import { specialFiles } from "./special-files.ts";
import { systemFailureInOutput } from "./system-failure.ts";

export interface ToolCall {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Variables in addition to those of `childEnvironment`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** The time limit. */
  readonly timeoutMs: number;
  /** The limit on time without output. */
  readonly silenceMs: number;
  readonly onLine: (line: string, stream: "stdout" | "stderr") => void;
  /** Receives the raw stdout; then only stderr is split into lines. */
  readonly onBytes?: (chunk: Buffer) => void;
  /**
   * Denies the tool the network and all files but these and those in `cwd`, as far as the machine supports it. Links
   * and pipes that it leaves in `cwd` are removed.
   */
  readonly confine?: Confinement;
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
/** Identifies the descendants of one call, also those that have left its process group. */
const TOOL_MARK = "SPLATT_TOOL";
/** The exit code by which a shell or launcher reports that its program was killed: 128 + 9. */
const SIGKILL_EXIT_CODE = 137;

/**
 * Runs a program without a shell, in its own process group, and delivers its output line by line. Abort, timeout,
 * silence and the agent's exit kill the whole group: SIGTERM, then SIGKILL. On Linux, the first three also kill
 * descendants in other sessions, which would otherwise keep the output open.
 *
 * A non-zero exit code is not a failure here: several of our tools misreport it, so the caller decides.
 *
 * @returns `tool_missing`, `tool_unsupported` (the sandbox does not start), `workspace_unusable` (`cwd` is gone),
 *   `stage_timeout`, `stage_stalled`, `disk_full`, `out_of_memory`, or `agent_stopped` when `signal` was aborted
 */
export async function runTool(call: ToolCall): Promise<Result<ToolExit, Failure>> {
  if (call.signal.aborted) return err(failure("agent_stopped", ""));
  const launch = await launchOf(call);
  if (launch === null) return err(await notStarted(call, "ENOENT"));
  const earlierSpecial = call.confine ? await specialFiles(call.cwd) : null;
  if (call.signal.aborted) return err(failure("agent_stopped", ""));
  const tail: string[] = [];
  let silent = false;
  const silence = new AbortController();
  const silenceTimer = setTimeout(() => {
    silent = true;
    silence.abort();
  }, call.silenceMs);

  const mark = randomUUID();
  const timeout = AbortSignal.timeout(call.timeoutMs);
  const cancelSignal = AbortSignal.any([call.signal, silence.signal, timeout]);
  const subprocess = execa(launch.file, [...launch.args], {
    cwd: call.cwd,
    env: { ...environmentOf(call), [TOOL_MARK]: mark },
    extendEnv: false,
    stdin: "ignore",
    buffer: false,
    reject: false,
    cleanup: true,
    killDescendants: true,
    forceKillAfterDelay: KILL_GRACE_MS,
    cancelSignal,
  });
  let exited = false;
  const killEscaped = () => {
    if (exited && cancelSignal.aborted) killMarked(TOOL_MARK, mark);
  };
  subprocess.nodeChildProcess.once("exit", () => {
    exited = true;
    killEscaped();
  });
  cancelSignal.addEventListener("abort", killEscaped);

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
  if (subprocess.pid === undefined) return err(await notStarted(call, codeOf(result)));
  if (earlierSpecial !== null) {
    const made = [...(await specialFiles(call.cwd))].filter((path) => !earlierSpecial.has(path));
    for (const path of made) await rm(path, { force: true });
    if (made.length > 0)
      call.onLine(`Removed links and pipes that ${call.file} left: ${made.length}`, "stderr");
  }
  if (call.signal.aborted) return err(failure("agent_stopped", ""));
  if (silent) {
    return err(failure("stage_stalled", `${call.file} printed nothing for ${seconds(call.silenceMs)} s.`));
  }
  if (timeout.aborted && result.isCanceled) {
    return err(failure("stage_timeout", `${call.file} ran for more than ${seconds(call.timeoutMs)} s.`));
  }
  if (result.failed && shortage !== null) return err(shortage);
  if (result.signal === "SIGKILL" || result.exitCode === SIGKILL_EXIT_CODE) {
    return err(
      failure("out_of_memory", `${call.file} was killed, probably by the kernel because memory ran out.`),
    );
  }
  const exit = { exitCode: result.exitCode ?? null, signal: result.signal ?? null, tail };
  if (!call.confine) return ok(exit);
  const complaint = exit.exitCode === 0 ? undefined : tail.findLast((line) => SANDBOX_COMPLAINT.test(line));
  return complaint === undefined
    ? ok(asUnwrapped(exit))
    : err(failure("tool_unsupported", `The sandbox of ${call.file} did not start: ${complaint}`));
}

/** Null when the program to confine does not exist. */
async function launchOf({ file, args, cwd, confine }: ToolCall): Promise<Launch | null> {
  if (!confine) return { file, args };
  const path = findProgram(file);
  return path === null ? null : machineSandbox().launch({ file: path, args }, resolve(cwd), confine);
}

function environmentOf({ confine, cwd, env }: ToolCall): Record<string, string> {
  const inherited = confine
    ? { ...childEnvironment("decoder"), TMPDIR: resolve(cwd) }
    : childEnvironment("engine");
  return { ...inherited, ...env };
}

/** Why the program did not start. The error code is the same for a missing folder and a missing program. */
async function notStarted({ file, cwd }: ToolCall, code: string): Promise<Failure> {
  const folder = await stat(cwd).catch(() => null);
  if (!folder?.isDirectory())
    return failure("workspace_unusable", `The folder ${cwd} is gone or cannot be read.`);
  if (code === "ENOENT") return failure("tool_missing", `${file} was not found.`);
  return failure("tool_missing", `${file} cannot be run (${code}).`);
}

function codeOf(result: object): string {
  return "code" in result ? String(result.code) : "unknown error";
}

const SANDBOX_COMPLAINT = /^(?:bwrap|unshare|setpriv|prlimit): /;

/** A wrapper reports a program killed by a signal with the exit code 128 + the signal's number, as a shell does. */
function asUnwrapped(exit: ToolExit): ToolExit {
  const number = (exit.exitCode ?? 0) - 128;
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return name === undefined ? exit : { ...exit, exitCode: null, signal: name };
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}

/** Splits a byte stream at newlines and carriage returns; an overlong line is truncated. */
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
