import { type ParseArgsConfig, parseArgs } from "node:util";

/** A subcommand of splatt-agent. */
export interface Command {
  /** What --help prints. */
  readonly usage: string;
  /** @returns the exit code */
  run(args: readonly string[]): Promise<number>;
}

/** An invalid command line. The message is shown to the user, above the command's usage. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig["options"]>;

/** `parseArgs`, with invalid arguments thrown as a `UsageError`. */
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
