import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { z } from "zod";

/** The setting COMMAND_ENGINE: the program and its arguments, as a JSON list. No shell ever sees it. */
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

/** What a command may ask for, as {data} and so on anywhere in its arguments. */
export interface CommandValues {
  /** The dataset's folder: images/, transforms.json, sparse_pc.ply, colmap/sparse/0. */
  readonly data: string;
  /** The video itself, for a command that does everything on its own. */
  readonly video: string;
  /** The folder that takes the results; it exists. */
  readonly output: string;
  readonly iterations: string;
}

const USUAL_ARGUMENTS = ["--data", "{data}", "--output", "{output}", "--iterations", "{iterations}"];

/** The program and its arguments with their values; the usual arguments are added to a command that names none. */
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

/** What keeps a command from being run: a sentence, or null. */
export function obstacle(
  [file, ...args]: Command,
  path = process.env.PATH ?? "",
): "its program was not found" | "a file that it names is not there" | null {
  const places = file.includes("/") ? [file] : path.split(delimiter).map((folder) => join(folder, file));
  if (!places.some((place) => can(place, constants.X_OK))) return "its program was not found";
  const files = args.filter((arg) => isAbsolute(arg) && !arg.includes("{"));
  return files.every((arg) => can(arg, constants.F_OK)) ? null : "a file that it names is not there";
}

function can(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
