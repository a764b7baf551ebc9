import type { Argument, Command, Option, Options } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { GLOBAL_OPTIONS } from "./parse.ts";

export const EXIT_MEANINGS: readonly (readonly [number, string])[] = [
  [EXIT.done, "done"],
  [EXIT.failed, "failed"],
  [EXIT.usage, "the command line is wrong"],
  [EXIT.jobFailed, "the job failed"],
  [EXIT.notAllowed, "not signed in, or not allowed"],
  [EXIT.jobCancelled, "the job was cancelled"],
  [EXIT.detached, "detached by Ctrl-C: the job continues"],
];

/** What `splatt --help` prints. */
export function overview(commands: readonly Command[]): string {
  return [
    "Usage: splatt VIDEO [options]\n       splatt COMMAND [options]",
    "Turns videos into 3D Gaussian splats, on the GPUs of a Splatt control plane.",
    columns(commands.map(({ name, summary }) => [name, summary])),
    "SPLATT_URL and SPLATT_API_KEY say which control plane to use; `splatt login` stores them.",
    "Run `splatt COMMAND --help` for details, and `splatt --version` for the version.",
  ].join("\n\n");
}

/** What `splatt COMMAND --help` prints. */
export function commandHelp({ name, summary, details, args, options }: Command): string {
  return [
    `Usage: ${usage({ name, args, options })}`,
    `${summary[0]?.toUpperCase()}${summary.slice(1)}.${details === undefined ? "" : ` ${details}`}`,
    columns([
      ...args.map((argument): [string, string] => [argument.name, argument.summary]),
      ...optionRows({ ...options, ...GLOBAL_OPTIONS }),
    ]),
  ].join("\n\n");
}

export function usage({ name, args, options }: Pick<Command, "name" | "args" | "options">): string {
  const words = args.map(argumentText);
  return ["splatt", name, ...words, ...(Object.keys(options).length > 0 ? ["[options]"] : [])].join(" ");
}

export function optionRows(options: Options): [string, string][] {
  return Object.entries(options).map(([name, option]) => [optionText(name, option), optionSummary(option)]);
}

function argumentText({ name, optional, many }: Argument): string {
  const text = many === true ? `${name}...` : name;
  return optional === true ? `[${text}]` : text;
}

function optionText(name: string, { short, type, value = "TEXT" }: Option): string {
  const long = `--${name}${type === "boolean" ? "" : ` ${type === "number" ? "N" : value}`}`;
  return short === undefined ? long : `-${short}, ${long}`;
}

function optionSummary({ summary, choices }: Option): string {
  return choices === undefined ? summary : `${summary}: ${choices.join(", ")}`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
