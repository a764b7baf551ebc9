import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { z } from "zod";

/** The setting COMMAND_ENGINE: the program and its arguments, as a JSON list. It is run without a shell. */
export const CommandSetting = z.string().transform((text, context) => {
  try {
    return z.tuple([z.string().min(1)], z.string()).parse(JSON.parse(text));
  } catch {
    context.addIssue({
      code: "custom",
      message: 'must be a JSON list of a program and its arguments, such as ["python3", "/opt/splat.py"]',
    });
    return z.NEVER;
  }
});
export type Command = z.infer<typeof CommandSetting>;

/** Placeholders such as {data} that a command may use anywhere in its arguments. */
export interface CommandValues {
  /** The dataset's folder: images/, transforms.json, sparse_pc.ply, colmap/sparse/0. */
  readonly data: string;
  /** The video, for a command that runs the whole pipeline. */
  readonly video: string;
  /** The folder for the results; it exists. */
  readonly output: string;
  readonly iterations: string;
}

const USUAL_ARGUMENTS = ["--data", "{data}", "--output", "{output}", "--iterations", "{iterations}"];

/** Fills in the placeholders; a command without any gets the standard arguments. */
export function commandLine(
  [file, ...own]: Command,
  values: CommandValues,
): { file: string; args: string[] } {
  const names = Object.keys(values).join("|");
  const placeholder = new RegExp(`\\{(${names})\\}`, "g");
  const args = own.some((arg) => arg.search(placeholder) !== -1) ? own : [...own, ...USUAL_ARGUMENTS];
  const put = (_: string, name: string) => values[name as keyof CommandValues];
  return { file, args: args.map((arg) => arg.replace(placeholder, put)) };
}

/** Why a command cannot run, as a clause; null when it can. */
export function obstacle(
  [file, ...args]: Command,
  path = process.env.PATH ?? "",
): "its program was not found" | "one of its files does not exist" | null {
  const places = file.includes("/") ? [file] : path.split(delimiter).map((folder) => join(folder, file));
  if (!places.some((place) => can(place, constants.X_OK))) return "its program was not found";
  const files = args.filter((arg) => isAbsolute(arg) && !arg.includes("{"));
  return files.every((arg) => can(arg, constants.F_OK)) ? null : "one of its files does not exist";
}

function can(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
