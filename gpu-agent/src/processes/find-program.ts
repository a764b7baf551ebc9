import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/** The absolute path of a program, as execvp would find it; null when not found. */
export function findProgram(file: string, path = process.env.PATH ?? ""): string | null {
  const candidates = file.includes("/")
    ? [resolve(file)]
    : path.split(delimiter).map((folder) => resolve(join(folder, file)));
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
