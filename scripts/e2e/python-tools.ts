import { createHash } from "node:crypto";
import { access, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { execa } from "execa";

const REQUIREMENTS = join(import.meta.dirname, "python-requirements.txt");

/**
 * Installs the pinned Python tools into a virtual environment in the cache folder, once for each set of pins.
 *
 * @returns the path of the environment's Python, or null when this machine has no usable Python
 */
export async function pythonTools(): Promise<string | null> {
  const pins = createHash("sha256")
    .update(await readFile(REQUIREMENTS))
    .digest("hex")
    .slice(0, 16);
  const venv = join(ROOT, "node_modules", ".cache", `python-${pins}`);
  const python = join(venv, "bin", "python");
  const complete = join(venv, "complete");
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

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
