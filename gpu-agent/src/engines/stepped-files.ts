import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** Files that a training program leaves now and then, named by the steps that were done. */
export interface SteppedFiles {
  /** Relative to the folder that the training runs in. */
  readonly dir: string;
  /** The first group is the step. */
  readonly name: RegExp;
  /** Whether the file at this path was written to its end. */
  readonly isWhole: (path: string) => Promise<boolean>;
}

export interface SteppedFile {
  readonly step: number;
  /** Relative to the folder that the training runs in. */
  readonly file: string;
}

/** The newest whole one of those after a step, or null. May be asked while the program runs. */
export async function newestWhole(
  runDir: string,
  { dir, name, isWhole }: SteppedFiles,
  after = Number.NEGATIVE_INFINITY,
): Promise<SteppedFile | null> {
  const found = (await readdir(join(runDir, dir)).catch(() => [])).flatMap((entry) => {
    const digits = name.exec(entry)?.[1];
    return digits === undefined ? [] : [{ step: Number(digits), file: join(dir, entry) }];
  });
  const newer = found.filter(({ step }) => step > after).toSorted((a, b) => b.step - a.step);
  for (const candidate of newer) {
    if (await isWhole(join(runDir, candidate.file))) return candidate;
  }
  return null;
}

/** Deletes those that were cut off. Only when the program does not run: it may be writing one. */
export async function removeCutOff(runDir: string, { dir, name, isWhole }: SteppedFiles): Promise<void> {
  for (const entry of await readdir(join(runDir, dir)).catch(() => [])) {
    const path = join(runDir, dir, entry);
    if (name.test(entry) && !(await isWhole(path))) await rm(path, { recursive: true, force: true });
  }
}

/** Deletes all of them but one, by its name relative to the training's folder. */
export async function removeOthers(
  runDir: string,
  { dir, name }: SteppedFiles,
  keep: string | null,
): Promise<void> {
  for (const entry of await readdir(join(runDir, dir)).catch(() => [])) {
    if (name.test(entry) && join(dir, entry) !== keep)
      await rm(join(runDir, dir, entry), { recursive: true });
  }
}
