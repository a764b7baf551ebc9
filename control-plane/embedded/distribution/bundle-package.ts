import { existsSync } from "node:fs";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { build, type Plugin } from "rolldown";
import type { DependencyProgram, Recipe } from "./recipes.ts";
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
    external: isOneOf([...keptNames(recipe), "bufferutil", "utf-8-validate"]),
    plugins: [companionFiles()],
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
  for (const program of recipe.programs) await bundleProgram(program, recipe, dist);
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

function keptNames({ kept }: Recipe): string[] {
  return kept.map(({ name }) => name);
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

async function bundleProgram(program: DependencyProgram, recipe: Recipe, dist: string): Promise<void> {
  const to = join(dist, program.dependency);
  await build({
    input: program.entries.map((path) => join(program.folder, path)),
    platform: "node",
    external: isOneOf(keptNames(recipe)),
    logLevel: "warn",
    output: { dir: join(to, "dist"), format: "esm", minify: true, entryFileNames: "[name].mjs" },
  });
  for (const path of program.copied)
    await cp(join(program.folder, path), join(to, path), { recursive: true, filter: isSource });
}

function isSource(path: string): boolean {
  return !path.includes("__pycache__");
}

/**
 * Worker threads and programs are files that code names by URL. Each worker becomes a separate bundle in the same
 * folder; a dependency's program is in the folder that `bundleProgram` writes.
 */
function companionFiles(): Plugin {
  return {
    name: "companion-files",
    transform: {
      filter: { code: /new URL\(/ },
      handler(code, id) {
        return code
          .replaceAll(/new URL\("(\.[^"]+\.ts)", import\.meta\.url\)/g, (_, path: string) => {
            const fileName = `${basename(path, ".ts")}-${basename(dirname(id))}.js`;
            this.emitFile({ type: "chunk", id: resolve(dirname(id), path), fileName });
            return `new URL("./${fileName}", import.meta.url)`;
          })
          .replaceAll(
            /new URL\("\.\.\/([^"]+)", import\.meta\.resolve\("([^"]+)"\)\)/g,
            (_, path: string, dependency: string) => `new URL("./${dependency}/${path}", import.meta.url)`,
          );
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

async function exactVersions({ kept }: Recipe): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const { name, usedBy } of kept) {
    const version = (await manifestOf(usedBy)).dependencies?.[name];
    if (version === undefined || !/^\d+\.\d+\.\d+$/.test(version)) {
      throw new Error(`${usedBy} must depend on an exact version of ${name}, not ${version}`);
    }
    versions[name] = version;
  }
  return versions;
}
