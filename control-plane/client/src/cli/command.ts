import type { Splatt } from "../index.ts";
import type { Output } from "./output.ts";

/** A positional argument, such as `JOB`. */
export interface Argument {
  readonly name: string;
  readonly summary: string;
  readonly optional?: boolean;
  /** Takes all that follow. */
  readonly many?: boolean;
  /** Its values are files. */
  readonly isFile?: boolean;
}

export interface Option {
  /** A `list` may be given several times. */
  readonly type: "boolean" | "string" | "number" | "list";
  readonly summary: string;
  readonly short?: string;
  /** How help calls the value. */
  readonly value?: string;
  readonly choices?: readonly string[];
}

export type Options = Readonly<Record<string, Option>>;

type Value<O extends Option> = O["type"] extends "boolean"
  ? boolean
  : O["type"] extends "number"
    ? number | undefined
    : O["type"] extends "list"
      ? readonly string[]
      : string | undefined;

export type Values<O extends Options> = { readonly [Name in keyof O]: Value<O[Name]> };

export interface Input<O extends Options> {
  readonly args: readonly string[];
  readonly options: Values<O>;
}

/** What a command found or did. */
export interface Outcome {
  /** What `--json` prints. */
  readonly json: unknown;
  /** What people read. */
  readonly text: string;
  /** 0 by default. */
  readonly exit?: number;
}

/** What a command works with. */
export interface Context {
  /** @throws NotSignedIn when no control plane is known */
  splatt(): Promise<Splatt>;
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly environment: Environment;
  /** Says, after Ctrl-C, what continues, and how to come back to it. */
  comeBack: string;
  /** Resolves a path as the user meant it. */
  path(given: string): string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The one declaration of a command: it makes parsing, help, completions and docs/cli.md. */
export interface Command {
  /** One or two words. */
  readonly name: string;
  readonly summary: string;
  readonly details?: string;
  readonly args: readonly Argument[];
  readonly options: Options;
  run(context: Context, input: Input<Options>): Promise<Outcome>;
}

/** Declares a command: its options' types follow from their declaration. */
export function command<const O extends Options>(
  declared: Omit<Command, "options" | "run" | "args"> & {
    readonly args?: readonly Argument[];
    readonly options?: O;
    run(context: Context, input: Input<O>): Promise<Outcome>;
  },
): Command {
  const { args = [], options = {}, run } = declared;
  // The parser made the values by these very options.
  return { ...declared, args, options, run: (context, input) => run(context, input as unknown as Input<O>) };
}

/** An invalid command line. */
export class UsageError extends Error {}

/** Of a command with one required argument. */
export function firstOf(args: readonly string[]): string {
  const [first] = args;
  if (first === undefined) throw new Error("the parser checks that required arguments are given");
  return first;
}

export const JOB: Argument = { name: "JOB", summary: "a job's id, or its first characters" };
