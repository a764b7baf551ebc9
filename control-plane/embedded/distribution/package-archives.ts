import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { gzipSync } from "node:zlib";
import { bundlePackage } from "./bundle-package.ts";
import { AGENT, CLIENT, type Recipe } from "./recipes.ts";
import { tarArchive } from "./tar.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..", "..");
const CACHE = join(REPOSITORY, "node_modules", ".cache", "splatt-packages");
/** What the packages are made of: their own sources, the lock file for everything else. */
const SOURCES = [
  "pnpm-lock.yaml",
  "{shared,gpu-agent,gpu-agent/cpu-trainer,gpu-agent/formats,control-plane/client}/{package.json,src/**}",
  "control-plane/embedded/distribution/*",
];

/**
 * Makes `splatt.tgz`, `splatt-agent.tgz` and `versions.json` in a folder. Packages are cached by the contents of their
 * sources, because every start of the embedded control plane asks for them.
 *
 * @returns the paths of the files
 */
export async function writePackages(outDir: string): Promise<string[]> {
  const cached = join(CACHE, await sourcesHash());
  if (!existsSync(cached)) await makePackages(cached);
  await mkdir(outDir, { recursive: true });
  const paths: string[] = [];
  for (const name of await readdir(cached)) {
    await writeFile(join(outDir, name), await readFile(join(cached, name)));
    paths.push(join(outDir, name));
  }
  return paths;
}

async function makePackages(target: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const made = await mkdtemp(join(CACHE, "making-"));
  const packages: Record<string, unknown> = {};
  for (const recipe of [AGENT, CLIENT]) {
    const { bytes, version } = await packageArchive(recipe, join(made, "package"));
    const file = `${recipe.name}.tgz`;
    await writeFile(join(made, file), bytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    packages[recipe.name] = { version, file, sha256, bytes: bytes.byteLength };
  }
  await writeFile(join(made, "versions.json"), `${JSON.stringify({ packages }, null, 2)}\n`);
  // Another process may have made the same ones meanwhile.
  await rename(made, target).catch(() => rm(made, { recursive: true }));
  for (const other of await readdir(CACHE)) {
    if (join(CACHE, other) !== target && !other.startsWith("making-"))
      await rm(join(CACHE, other), { recursive: true, force: true });
  }
}

async function packageArchive(recipe: Recipe, dir: string): Promise<{ bytes: Uint8Array; version: string }> {
  await mkdir(dir);
  await bundlePackage(recipe, dir);
  const names = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  const paths = names.map((entry) => join(entry.parentPath, entry.name)).toSorted();
  const entries = await Promise.all(
    paths.map(async (path) => {
      const inside = relative(dir, path).split(sep).join("/");
      // The folder that npm expects in an archive.
      return {
        path: `package/${inside}`,
        bytes: await readFile(path),
        isExecutable: inside.startsWith("bin/"),
      };
    }),
  );
  const { version } = JSON.parse(await readFile(join(dir, "package.json"), "utf8")) as { version: string };
  await rm(dir, { recursive: true });
  return { bytes: gzipSync(tarArchive(entries), { level: 9 }), version };
}

async function sourcesHash(): Promise<string> {
  const hash = createHash("sha256");
  const paths: string[] = [];
  for await (const entry of glob(SOURCES, { cwd: REPOSITORY, withFileTypes: true })) {
    if (entry.isFile() && !entry.name.includes(".test.")) paths.push(join(entry.parentPath, entry.name));
  }
  for (const path of paths.toSorted()) {
    const bytes = await readFile(path);
    hash.update(`${relative(REPOSITORY, path)}\n${bytes.byteLength}\n`).update(bytes);
  }
  return hash.digest("hex").slice(0, 32);
}
