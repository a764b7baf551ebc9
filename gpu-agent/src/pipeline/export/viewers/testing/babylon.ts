import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";

/** Babylon's packages are ten times as large as the files that a page needs, so they are no dependency. */
const PACKAGES = [
  { name: "babylonjs@9.28.0", file: "babylon.js" },
  { name: "babylonjs-loaders@9.28.0", file: "babylonjs.loaders.min.js" },
];
const FOLDER = join(import.meta.dirname, "../../../../../../node_modules/.cache/babylon");
const TIMEOUT_MS = 120_000;

/** @returns the folder with Babylon's scripts, fetched once, or null where npm or the network is missing */
export async function fetchBabylon(): Promise<string | null> {
  await mkdir(FOLDER, { recursive: true });
  for (const { name, file } of PACKAGES) {
    if (existsSync(join(FOLDER, file))) continue;
    const options = { cwd: FOLDER, reject: false, timeout: TIMEOUT_MS } as const;
    const packed = await execa("npm", ["pack", "--silent", name], options);
    const archive = String(packed.stdout).trim();
    if (packed.failed || archive === "") return null;
    const taken = await execa("tar", ["-xzf", archive, "--strip-components=1", `package/${file}`], options);
    if (taken.failed) return null;
  }
  return FOLDER;
}
