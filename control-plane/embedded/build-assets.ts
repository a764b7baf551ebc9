import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { errnoCode } from "@splatt/shared";
import { build, type Plugin } from "rolldown";
import { writePackages } from "./distribution/package-archives.ts";

const PACKAGE_DIR = dirname(import.meta.dirname);
const WEB = join(PACKAGE_DIR, "src", "web");
export const ASSETS_DIR = join(WEB, "dist");
/** Neither linters nor watchers look there, who would find folders that are gone a moment later. */
const MAKING_DIR = join(PACKAGE_DIR, ".wrangler");
const SCHEMAS = /[\\/]shared[\\/]src[\\/][^?]*\.ts$/;

/**
 * Builds the pages' styles and scripts into `ASSETS_DIR`/assets: every file of src/web/assets as it is, and every
 * module of src/web/client whose name does not begin with `_` as a script. `ASSETS_DIR`/dist gets the packages of the
 * agent and of the client, so that agents install what fits this control plane. Several processes may build the folder
 * at the same time.
 */
export async function buildAssets(): Promise<void> {
  await mkdir(MAKING_DIR, { recursive: true });
  const made = await mkdtemp(join(MAKING_DIR, "assets-"));
  try {
    await makeAssets(made);
    // Another process may be reading it.
    if (!(await isSameFolder(ASSETS_DIR, made))) await replaceFolder(ASSETS_DIR, made);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

async function makeAssets(made: string): Promise<void> {
  await cp(join(WEB, "assets"), join(made, "assets"), { recursive: true });
  const viewer = dirname(fileURLToPath(import.meta.resolve("@playcanvas/supersplat-viewer/viewer.css")));
  await cp(join(viewer, "viewer.css"), join(made, "assets", "viewer.css"));
  const client = join(WEB, "client");
  const scripts = (await readdir(client)).filter((name) => /^[a-z][\w-]*\.ts$/.test(name));
  const bundled = build({
    input: Object.fromEntries(scripts.map((name) => [basename(name, ".ts"), join(client, name)])),
    platform: "browser",
    tsconfig: join(client, "tsconfig.json"),
    logLevel: "warn",
    // What a script does not use of the packages that it imports is left out. Only scripts themselves do things.
    treeshake: { moduleSideEffects: (id) => id.startsWith(client) },
    plugins: LEFT_OUT.map(leaveOut),
    output: {
      dir: join(made, "assets"),
      format: "esm",
      minify: true,
      entryFileNames: "[name].js",
      chunkFileNames: "[name]-[hash].js",
    },
  });
  await Promise.all([bundled, writePackages(join(made, "dist"))]);
}

/** Whether two folders have the same files. A folder that is missing, or is removed meanwhile, differs. */
async function isSameFolder(one: string, other: string): Promise<boolean> {
  const [files, others] = await Promise.all([filesIn(one), filesIn(other)]);
  if (files === null || files.join("\n") !== others?.join("\n")) return false;
  for (const file of files) {
    const [bytes, otherBytes] = await Promise.all([one, other].map((dir) => readIfThere(join(dir, file))));
    if (!bytes || !otherBytes?.equals(bytes)) return false;
  }
  return true;
}

/** @returns null for a missing folder */
async function filesIn(dir: string): Promise<string[] | null> {
  try {
    const entries = await readdir(dir, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return files.map(({ parentPath, name }) => relative(dir, join(parentPath, name))).toSorted();
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return null;
    throw error;
  }
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** Code of the modules that the pages' scripts are made of, and what stands in for it. */
interface LeftOut {
  readonly name: string;
  readonly modules: RegExp;
  readonly without: (code: string) => string;
}

/** A text of a schema that the documentation shows. */
const DESCRIPTION = /\.describe\(\s*(?:"(?:[^"\\]|\\.)*"|`[^`$]*`)\s*,?\s*\)/g;
const EXPORT = /^export (?:async )?(?:const|function|class) (\w+)/gm;

const LEFT_OUT: readonly LeftOut[] = [
  {
    // They are a tenth of what a page would load, and no page shows them.
    name: "descriptions of the API's schemas",
    modules: SCHEMAS,
    without: (code) => code.replace(DESCRIPTION, ""),
  },
  {
    // The schemas check what is received. Only the documentation makes JSON schemas of them.
    name: "JSON schemas",
    modules: /[\\/]zod[\\/]v4[\\/]core[\\/](?:json-schema-processors|to-json-schema)\.js$/,
    without: (code) =>
      [...code.matchAll(EXPORT)].map(([, name]) => `export const ${name} = () => undefined;`).join("\n"),
  },
  {
    // client/viewer.ts asks for WebGL.
    name: "renderer for WebGPU",
    modules: /[\\/]playcanvas[\\/].*[\\/]webgpu-graphics-device\.js$/,
    without: () => "export class WebgpuGraphicsDevice {}",
  },
  {
    name: "shaders for WebGPU",
    modules: /[\\/]playcanvas[\\/].*[\\/]wgsl[\\/]chunks[\\/].*\.js$/,
    without: (code) => code.replace(/`[^`]*`/g, "``"),
  },
  {
    // The pages' policy forbids them. client/_viewer-controls.ts adds what they do.
    name: "handlers in the viewer's HTML",
    modules: /[\\/]supersplat-viewer[\\/]dist[\\/]viewer\.js$/,
    without: (code) => code.replace(/ on[a-z]+=\\"event\.stopPropagation\(\)\\"/g, ""),
  },
];

/** Fails the build where there is nothing to leave out any more, as after an update of a dependency. */
function leaveOut({ name, modules, without }: LeftOut): Plugin {
  let isLeftOut = false;
  return {
    name: `without ${name}`,
    transform(code, id) {
      if (!modules.test(id)) return null;
      const rest = without(code);
      isLeftOut ||= rest.length < code.length;
      return rest;
    },
    buildEnd(error) {
      if (error === undefined && !isLeftOut)
        throw new Error(`The pages' scripts have no ${name} to leave out.`);
    },
  };
}

/** Puts a folder in the place of another. A process that does the same meanwhile loses, or replaces it once more. */
async function replaceFolder(target: string, replacement: string): Promise<void> {
  const old = `${replacement}.old`;
  for (;;) {
    try {
      await rename(target, old);
    } catch (error) {
      if (errnoCode(error) !== "ENOENT") throw error;
    }
    await rm(old, { recursive: true, force: true });
    try {
      return await rename(replacement, target);
    } catch (error) {
      if (!["ENOTEMPTY", "EEXIST"].includes(errnoCode(error))) throw error;
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await buildAssets();
