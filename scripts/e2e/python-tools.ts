import { createHash } from "node:crypto";
import { access, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "@splatt/local/local-machine";
import { lockFile } from "@splatt/shared/file-lock";
import { execa } from "execa";

const REQUIREMENTS = join(import.meta.dirname, "python-requirements.txt");

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

/** Waits as long as another process installs. */
async function lock(path: string): Promise<DatabaseSync | null> {
  for (;;) {
    const held = lockFile(path);
    if (held !== "taken") return held;
    await sleep(LOOK_MS);
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
