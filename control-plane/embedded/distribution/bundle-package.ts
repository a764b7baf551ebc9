import { existsSync } from "node:fs";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { build, type Plugin } from "rolldown";
import type { Recipe } from "./recipes.ts";
import { writeDeclarations } from "./type-declarations.ts";

/** The oldest Node with everything that the bundles use: SQLite without a flag, and zstd. */
const OLDEST_NODE = "22.15";
const TARGET = "node22";

/**
 * Writes a package that needs nothing of this repository: bundles, a launcher, and a package.json with exact versions.
 *
 * @param dir an empty folder
 */
export async function bundlePackage(recipe: Recipe, dir: string): Promise<void> {
  const dist = join(dir, "dist");
  await build({
    input: entriesOf(recipe),
    platform: "node",
    // ws uses these when they are installed.
    external: isOneOf([...recipe.kept, "bufferutil", "utf-8-validate"]),
    plugins: [workerFiles()],
    transform: { target: TARGET },
    logLevel: "warn",
    output: {
      dir: dist,
      format: "esm",
      minify: true,
      entryFileNames: "[name].js",
      chunkFileNames: "[name]-[hash].js",
    },
  });
  for (const [name, from] of Object.entries(recipe.copied)) {
    await cp(join(recipe.folder, from), join(dist, name), { recursive: true, filter: isSource });
  }
  if (recipe.declarations !== undefined) await writeDeclarations(recipe.declarations, join(dist, "types"));
  const hasProgram = "main" in entriesOf(recipe);
  if (hasProgram) {
    await mkdir(join(dir, "bin"));
    await cp(join(import.meta.dirname, "launcher.cjs"), join(dir, "bin", `${recipe.name}.cjs`));
  }
  const manifest = {
    name: recipe.name,
    version: (await manifestOf(join(recipe.folder, "package.json"))).version,
    description: recipe.description,
    type: "module",
    ...(hasProgram ? { bin: { [recipe.name]: `bin/${recipe.name}.cjs` } } : {}),
    ...(recipe.exports === undefined ? {} : { exports: recipe.exports }),
    engines: { node: `>=${OLDEST_NODE}` },
    dependencies: await exactVersions(recipe),
  };
  await writeFile(join(dir, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Whether an import is of one of the packages, or of a file in it. */
function isOneOf(packages: readonly string[]): (imported: string) => boolean {
  return (imported) => packages.some((name) => imported === name || imported.startsWith(`${name}/`));
}

/** The entries that exist. */
function entriesOf({ folder, entries }: Recipe): Record<string, string> {
  const paths = Object.entries(entries).map(([name, path]) => [name, join(folder, path)] as const);
  return Object.fromEntries(paths.filter(([, path]) => existsSync(path)));
}

function isSource(path: string): boolean {
  return !path.includes("__pycache__");
}

/** Worker threads are files that code names by URL. Each becomes a separate bundle in the same folder. */
function workerFiles(): Plugin {
  return {
    name: "worker-files",
    transform: {
      filter: { code: /new URL\(/ },
      handler(code, id) {
        return code.replaceAll(/new URL\("(\.[^"]+\.ts)", import\.meta\.url\)/g, (_, path: string) => {
          const fileName = `${basename(path, ".ts")}-${basename(dirname(id))}.js`;
          this.emitFile({ type: "chunk", id: resolve(dirname(id), path), fileName });
          return `new URL("./${fileName}", import.meta.url)`;
        });
      },
    },
  };
}

interface Manifest {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

async function manifestOf(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(path, "utf8")) as Manifest;
}

async function exactVersions({ folder, kept }: Recipe): Promise<Record<string, string>> {
  const path = join(folder, "package.json");
  const { dependencies = {} } = await manifestOf(path);
  const inexact = kept.find((name) => !/^\d+\.\d+\.\d+$/.test(dependencies[name] ?? ""));
  if (inexact !== undefined) throw new Error(`${path} must depend on an exact version of ${inexact}`);
  return Object.fromEntries(kept.map((name) => [name, dependencies[name] as string]));
}
