import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";

const REPOSITORY = join(import.meta.dirname, "..", "..");
const CACHES = join(REPOSITORY, "node_modules", ".cache");

/** Something that is built from files of this repository. */
export interface Build {
  readonly name: string;
  /** Globs of everything that the result depends on, relative to the repository. Tests are left out. */
  readonly sources: readonly string[];
  /** Writes the result into an empty folder. */
  readonly make: (dir: string) => Promise<void>;
}

/**
 * Builds once for each state of the sources, however many processes ask at the same time.
 *
 * @returns the folder of the result, which the next state of the sources removes
 */
export async function cachedBuild({ name, sources, make }: Build): Promise<string> {
  const cache = join(CACHES, `splatt-${name}`);
  const state = await hashOf(sources);
  const target = join(cache, state);
  if (existsSync(target)) return target;
  await mkdir(cache, { recursive: true });
  const made = await mkdtemp(join(cache, "making-"));
  try {
    await make(made);
    // A source that changed meanwhile may be in the result, in either state.
    if ((await hashOf(sources)) !== state) return await cachedBuild({ name, sources, make });
    // Another process may have made the same meanwhile.
    await rename(made, target).catch((error) => {
      if (!existsSync(target)) throw error;
    });
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  for (const other of await readdir(cache)) {
    if (join(cache, other) !== target && !other.startsWith("making-"))
      await rm(join(cache, other), { recursive: true, force: true });
  }
  return target;
}

async function hashOf(sources: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  const paths: string[] = [];
  for await (const entry of glob(sources, { cwd: REPOSITORY, withFileTypes: true })) {
    if (entry.isFile() && !entry.name.includes(".test.")) paths.push(join(entry.parentPath, entry.name));
  }
  for (const path of paths.toSorted()) {
    const bytes = await readFile(path);
    hash.update(`${relative(REPOSITORY, path)}\n${bytes.byteLength}\n`).update(bytes);
  }
  return hash.digest("hex").slice(0, 32);
}
