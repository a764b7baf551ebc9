import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { problemForPeople, problemText } from "@splatt/shared";
import manifest from "../../package.json" with { type: "json" };
import { ApiProblem, Splatt, SplattError } from "../index.ts";
import { type Context, type Environment, UsageError } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { findCredentials } from "./credentials.ts";
import { EXIT } from "./exit-codes.ts";
import { commandHelp, overview } from "./help.ts";
import { Output, type Streams } from "./output.ts";
import { findCommand, type Parsed, parse } from "./parse.ts";

const { version } = manifest;

/** What the command line gets from its process. */
export interface Surroundings {
  readonly environment: Environment;
  /** The folder that paths are relative to. */
  readonly folder: string;
  readonly streams: Streams;
  /** Aborts when the user presses Ctrl-C. */
  readonly signal: AbortSignal;
  /** The message after Ctrl-C, for a command that leaves nothing running. */
  readonly stopped?: string;
}

/**
 * Runs a command line.
 *
 * @returns the exit code
 */
export async function runCommandLine(words: readonly string[], surroundings: Surroundings): Promise<number> {
  const { streams, signal, folder, environment } = surroundings;
  // Until the line is parsed.
  let output = new Output(streams, { json: words.includes("--json"), quiet: false });
  let context: Context | null = null;
  try {
    const [first] = words;
    if (first === "--version") {
      output.show({ json: { version }, text: version });
      return EXIT.done;
    }
    if (first === undefined || ["help", "--help", "-h"].includes(first)) {
      output.show(helpOf(overview(COMMANDS)));
      return first === undefined ? EXIT.usage : EXIT.done;
    }
    const parsed = await parseLine(words, folder);
    output = new Output(streams, parsed);
    if (parsed.help) {
      output.show(helpOf(commandHelp(parsed.command)));
      return EXIT.done;
    }
    context = {
      splatt: async () => {
        const { url, api_key } = await findCredentials(environment);
        return new Splatt({ url, apiKey: api_key });
      },
      output,
      signal,
      environment,
      comeBack: "",
      path: (given) => resolve(folder, given),
    };
    const { json, text, exit = EXIT.done } = await parsed.command.run(context, parsed.input);
    output.show({ json, text });
    return exit;
  } catch (error) {
    return explain(error, output, signal, surroundings.stopped ?? context?.comeBack ?? "");
  }
}

const helpOf = (text: string) => ({ json: { help: text }, text });

/** A file or an address instead of a command stands for `run`. */
async function parseLine(words: readonly string[], folder: string): Promise<Parsed> {
  const found = findCommand(COMMANDS, words);
  if (found !== null) return parse(found.command, found.rest);
  const run = findCommand(COMMANDS, ["run"]);
  const [first = ""] = words;
  if (run !== null && (/[./\\]|^-/.test(first) || (await exists(resolve(folder, first))))) {
    return parse(run.command, words);
  }
  throw new UsageError(`Unknown command: ${first}\nRun \`splatt --help\` for the list of commands.`);
}

function explain(error: unknown, output: Output, signal: AbortSignal, comeBack: string): number {
  if (signal.aborted) {
    output.say(comeBack === "" ? "Stopped." : comeBack);
    if (output.isJson) output.json({ error: { code: "detached", message: comeBack || "Stopped." } });
    return EXIT.detached;
  }
  if (!(error instanceof Error)) throw error;
  const message = error instanceof ApiProblem ? problemText(problemForPeople(error.problem)) : error.message;
  output.complain(error instanceof UsageError || isExpected(error) ? message : (error.stack ?? message));
  if (output.isJson) output.json({ error: { code: codeOf(error), message } });
  if (error instanceof UsageError) return EXIT.usage;
  const isRefused = error instanceof ApiProblem && [401, 403].includes(error.status);
  return isRefused || codeOf(error) === "not_signed_in" ? EXIT.notAllowed : EXIT.failed;
}

/** Errors of the control plane, the network and the file system; others are bugs, and shown with their stack. */
function isExpected(error: Error): boolean {
  return error instanceof SplattError || "syscall" in error;
}

function codeOf(error: Error): string {
  if (error instanceof UsageError) return "usage";
  return error instanceof SplattError || "code" in error
    ? String((error as { code: unknown }).code)
    : "internal_error";
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
