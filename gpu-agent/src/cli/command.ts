import { type ParseArgsConfig, parseArgs } from "node:util";

/** A subcommand of splatt-agent. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What --help prints. */
  readonly usage: string;
  /** @returns the exit code */
  run(args: readonly string[]): Promise<number>;
}

/** The command line says something that cannot be; the message tells what. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig["options"]>;

/** `parseArgs`, with what is wrong told as a `UsageError`. */
export function readArgs<T extends Options>(args: readonly string[], options: T, positionals: number) {
  const parsed = parse(args, options);
  const [surplus] = parsed.positionals.slice(positionals);
  if (surplus !== undefined) throw new UsageError(`Unexpected argument: ${surplus}`);
  return parsed;
}

function parse<T extends Options>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    if (error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS")) {
      throw new UsageError(error.message);
    }
    throw error;
  }
}
