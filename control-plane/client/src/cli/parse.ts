import { parseArgs } from "node:util";
import { type Command, type Input, type Options, UsageError } from "./command.ts";

/** Options that every command takes. */
export const GLOBAL_OPTIONS = {
  json: { type: "boolean", summary: "print JSON to stdout, and nothing else" },
  quiet: { type: "boolean", short: "q", summary: "show no progress" },
  help: { type: "boolean", short: "h", summary: "explain the command" },
} as const satisfies Options;

export interface Parsed {
  readonly command: Command;
  readonly input: Input<Options>;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly help: boolean;
}

/** Finds the command that the first words name: `agents add` before `agents`. */
export function findCommand(
  commands: readonly Command[],
  words: readonly string[],
): { command: Command; rest: readonly string[] } | null {
  for (const count of [2, 1]) {
    const name = words.slice(0, count).join(" ");
    const command = commands.find((each) => each.name === name && name.split(" ").length === count);
    if (command !== undefined) return { command, rest: words.slice(count) };
  }
  return null;
}

/** @throws UsageError */
export function parse(command: Command, words: readonly string[]): Parsed {
  const { values, positionals } = parseWords(words, { ...command.options, ...GLOBAL_OPTIONS });
  const { json, quiet, help } = values;
  const flags = { json: json === true, quiet: quiet === true, help: help === true };
  if (!flags.help) checkArguments(command, positionals);
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, option]) => [name, convert(name, option, values[name])]),
  );
  return { command, input: { args: positionals, options: options as Input<Options>["options"] }, ...flags };
}

type Raw = string | boolean | (string | boolean)[] | undefined;

function parseWords(words: readonly string[], options: Options) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(options).map(([name, { type, short }]) => [
          name,
          {
            type: type === "boolean" ? ("boolean" as const) : ("string" as const),
            multiple: type === "list",
            ...(short !== undefined && { short }),
          },
        ]),
      ),
    });
  } catch (error) {
    if (error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS")) {
      throw new UsageError(error.message);
    }
    throw error;
  }
}

function checkArguments({ args }: Command, given: readonly string[]): void {
  const missing = args.find(({ optional }, index) => optional !== true && given[index] === undefined);
  if (missing !== undefined) throw new UsageError(`Missing argument: ${missing.name}`);
  const surplus = given[args.length];
  if (surplus !== undefined && args.at(-1)?.many !== true)
    throw new UsageError(`Unexpected argument: ${surplus}`);
}

function convert(name: string, { type, choices }: Options[string], value: Raw) {
  if (type === "boolean") return value === true;
  if (type === "list") return value ?? [];
  if (value === undefined) return undefined;
  if (choices !== undefined && !choices.includes(String(value))) {
    throw new UsageError(`--${name} must be one of ${choices.join(", ")}, not "${value}"`);
  }
  if (type === "string") return value;
  const number = Number(value);
  if (value === "" || !Number.isFinite(number))
    throw new UsageError(`--${name} must be a number, not "${value}"`);
  return number;
}
