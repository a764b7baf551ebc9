import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { gzipSync } from "node:zlib";
import { cachedBuild } from "../build-cache.ts";
import { bundlePackage } from "./bundle-package.ts";
import { AGENT, CLIENT, type Recipe } from "./recipes.ts";
import { tarArchive } from "./tar.ts";

/** What the packages are made of: their own sources, the lock file for everything else. */
const SOURCES = [
  "pnpm-lock.yaml",
  "{shared,gpu-agent,gpu-agent/cpu-trainer,gpu-agent/formats,control-plane/client}/{package.json,src/**}",
  "{tsconfig.base.json,control-plane/client/tsconfig.json}",
  "control-plane/embedded/build-cache.ts",
  "control-plane/embedded/distribution/*",
];

/**
 * Makes `splatt.tgz`, `splatt-agent.tgz` and `versions.json` in a folder.
 *
 * @returns the paths of the files
 */
export async function writePackages(outDir: string): Promise<string[]> {
  const cached = await cachedBuild({ name: "packages", sources: SOURCES, make: makePackages });
  await mkdir(outDir, { recursive: true });
  const paths: string[] = [];
  for (const name of await readdir(cached)) {
    await writeFile(join(outDir, name), await readFile(join(cached, name)));
    paths.push(join(outDir, name));
  }
  return paths;
}

async function makePackages(outDir: string): Promise<void> {
  const packages: Record<string, unknown> = {};
  for (const recipe of [AGENT, CLIENT]) {
    const { bytes, version } = await packageArchive(recipe, join(outDir, "package"));
    const file = `${recipe.name}.tgz`;
    await writeFile(join(outDir, file), bytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    packages[recipe.name] = { version, file, sha256, bytes: bytes.byteLength };
  }
  await writeFile(join(outDir, "versions.json"), `${JSON.stringify({ packages }, null, 2)}\n`);
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
