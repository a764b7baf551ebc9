import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";

const CACHE = join(import.meta.dirname, "../../../../node_modules/.cache/pycolmap");

/** A Python with a version of pycolmap, fetched once; null where pip or the network is missing. */
export async function pythonWithPycolmap(version: string): Promise<string | null> {
  const folder = join(CACHE, version);
  if (!existsSync(join(folder, "done"))) {
    await rm(folder, { recursive: true, force: true });
    // Debian's Python has no ensurepip, so pip runs outside of the environment.
    const made = await execa("python3", ["-m", "venv", "--without-pip", folder], { reject: false });
    if (made.failed) return null;
    const lib = join(folder, "lib");
    const [python] = await readdir(lib);
    const target = join(lib, python ?? "", "site-packages");
    const options = ["--quiet", "--only-binary=:all:", "--target", target];
    const packages = [`pycolmap==${version}`];
    const fetched = await execa("python3", ["-m", "pip", "install", ...options, ...packages], {
      reject: false,
      timeout: 120_000,
    });
    if (fetched.failed) return null;
    await mkdir(join(folder, "done"));
  }
  return join(folder, "bin", "python3");
}
