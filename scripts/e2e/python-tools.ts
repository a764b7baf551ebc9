import { createHash } from "node:crypto";
import { access, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "@splatt/local/local-machine";
import { execa } from "execa";

const REQUIREMENTS = join(import.meta.dirname, "python-requirements.txt");

const SQLITE_BUSY = 5;
const LOOK_MS = 200;

/**
 * Installs the pinned Python tools into a virtual environment in the cache folder, once for each set of pins, however
 * many processes ask at the same time.
 *
 * @returns the path of the environment's Python, or null when this machine has no usable Python
 */
export async function pythonTools(): Promise<string | null> {
  const pins = createHash("sha256")
    .update(await readFile(REQUIREMENTS))
    .digest("hex")
    .slice(0, 16);
  const cache = join(ROOT, "node_modules", ".cache");
  const venv = join(cache, `python-${pins}`);
  const python = join(venv, "bin", "python");
  const complete = join(venv, "complete");
  if (await exists(complete)) return python;
  await mkdir(cache, { recursive: true });
  using _lock = await lock(`${venv}.lock`);
  if (await exists(complete)) return python;
  await rm(venv, { recursive: true, force: true });
  const created = await execa("python3", ["-m", "venv", venv], { reject: false });
  if (created.failed) return null;
  await execa(python, ["-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  await writeFile(complete, "");
  return python;
}

/** Waits for the lock. The operating system releases that of a process that ends in any way. */
async function lock(path: string): Promise<DatabaseSync> {
  for (;;) {
    const file = new DatabaseSync(path, { timeout: 0 });
    try {
      file.exec("BEGIN EXCLUSIVE");
      return file;
    } catch (error) {
      file.close();
      if (!(error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY)) throw error;
    }
    await sleep(LOOK_MS);
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
