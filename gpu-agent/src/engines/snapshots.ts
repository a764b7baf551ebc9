import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { plyVertexCount } from "@splatt/formats";

/** The kind of file that a training program saves from time to time and can resume from, named by its step. */
export interface SnapshotKind {
  /** Relative to the folder that the training runs in. */
  readonly dir: string;
  /** The first group is the step. */
  readonly name: RegExp;
  /** Whether the file at this path was written to its end. */
  readonly isComplete: (path: string) => Promise<boolean>;
}

/** Snapshots that are PLYs. */
export function plySnapshots(dir: string, name: RegExp): SnapshotKind {
  return { dir, name, isComplete: async (path) => (await plyVertexCount(path)).ok };
}

export interface Snapshot {
  readonly step: number;
  /** Relative to the folder that the training runs in. */
  readonly file: string;
}

/** The newest complete snapshot of a step after `after`, or null. The program may be running. */
export async function newestSnapshot(
  runDir: string,
  { dir, name, isComplete }: SnapshotKind,
  after = Number.NEGATIVE_INFINITY,
): Promise<Snapshot | null> {
  const found = (await readdir(join(runDir, dir)).catch(() => [])).flatMap((entry) => {
    const digits = name.exec(entry)?.[1];
    return digits === undefined ? [] : [{ step: Number(digits), file: join(dir, entry) }];
  });
  const newer = found.filter(({ step }) => step > after).toSorted((a, b) => b.step - a.step);
  for (const candidate of newer) {
    if (await isComplete(join(runDir, candidate.file))) return candidate;
  }
  return null;
}

/** Deletes truncated snapshots. Only when the program is not running: it may be writing one. */
export async function removeIncomplete(
  runDir: string,
  { dir, name, isComplete }: SnapshotKind,
): Promise<void> {
  for (const entry of await readdir(join(runDir, dir)).catch(() => [])) {
    const path = join(runDir, dir, entry);
    if (name.test(entry) && !(await isComplete(path))) await rm(path, { recursive: true, force: true });
  }
}

/** Deletes all snapshots but one. @param keep its name relative to `runDir`; null keeps none */
export async function removeSnapshots(
  runDir: string,
  { dir, name }: SnapshotKind,
  keep: string | null,
): Promise<void> {
  for (const entry of await readdir(join(runDir, dir)).catch(() => [])) {
    if (name.test(entry) && join(dir, entry) !== keep) {
      await rm(join(runDir, dir, entry), { recursive: true });
    }
  }
}
