import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { promisify } from "node:util";

/** A package whose types the declarations refer to, put beside them so that they need nothing else. */
export interface TypesOf {
  readonly name: string;
  /** Its module with the types: one of the repository, or one of a dependency. */
  readonly entry: string;
}

export interface Declarations {
  readonly repository: string;
  /** A tsconfig.json with the options for all modules. */
  readonly tsconfig: string;
  /** The modules to declare. */
  readonly entries: readonly string[];
  /** Packages of the repository, whose declarations are made too. */
  readonly workspace: readonly TypesOf[];
  /** Dependencies, whose declarations are copied: the folders below that of `entry` that are named. */
  readonly copied: readonly (TypesOf & { readonly folders: readonly string[] })[];
}

/** The compiler, to be run with Node. */
export const TSC = join(
  dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin",
  "tsc",
);

/** Writes `.d.ts` files into a folder, laid out as in the repository. They import each other and nothing of npm. */
export async function writeDeclarations(options: Declarations, dir: string): Promise<void> {
  const { repository, workspace, copied } = options;
  await mkdir(dir, { recursive: true });
  await compile(options, dir);
  for (const { name, entry, folders } of copied) {
    for (const path of ["", ...folders])
      await copyDeclarations(join(dirname(entry), path), join(dir, name, path));
  }
  const places = new Map([
    ...workspace.map(({ name, entry }) => [name, join(dir, relative(repository, entry))] as const),
    ...copied.map(({ name }) => [name, join(dir, name, "index.ts")] as const),
  ]);
  const declared = new Set(await declarationsIn(dir));
  for (const path of declared) {
    const text = await readFile(path, "utf8");
    const placed = text.replaceAll(IMPORTED, (_, before, name) => {
      const imported = target(name, path, places);
      // Types of a missing module are `any`, in silence.
      const file = join(dirname(path), imported).replace(/\.js$/, ".d.ts");
      if (imported.startsWith(".") && !declared.has(file)) {
        throw new Error(
          `The compiler wrote no declarations of ${imported}, which ${relative(dir, path)} imports.`,
        );
      }
      return `${before}"${imported}"`;
    });
    await writeFile(path, placed);
  }
}

const IMPORTED = /(\bfrom |\bimport\()"([^"]+)"/g;

function target(name: string, from: string, places: ReadonlyMap<string, string>): string {
  const place = places.get(name);
  const path = place === undefined ? name : relative(dirname(from), place).split(sep).join("/");
  return (place === undefined || path.startsWith(".") ? path : `./${path}`).replace(/\.ts$/, ".js");
}

async function compile(
  { repository, tsconfig, entries, workspace }: Declarations,
  dir: string,
): Promise<void> {
  const project = join(dir, "tsconfig.json");
  const config = {
    extends: tsconfig,
    compilerOptions: {
      noEmit: false,
      // A program under work must start whatever its types are; `npm run typecheck` checks them.
      noCheck: true,
      declaration: true,
      emitDeclarationOnly: true,
      types: ["node"],
      typeRoots: [join(repository, "node_modules", "@types")],
      // TypeScript 7 leaves out modules that it happens to load first through node_modules, in one of eight runs, and
      // ends with 0.
      paths: Object.fromEntries(workspace.map(({ name, entry }) => [name, [entry]])),
      rootDir: repository,
      outDir: dir,
    },
    files: [...entries, ...workspace.map(({ entry }) => entry)],
    include: [],
  };
  await writeFile(project, JSON.stringify(config));
  await promisify(execFile)(process.execPath, [TSC, "--project", project]);
  await rm(project);
}

async function copyDeclarations(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from)) {
    if (entry.endsWith(".d.ts") || entry === "LICENSE") await cp(join(from, entry), join(to, entry));
  }
}

async function declarationsIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true });
  return entries.filter((entry) => entry.endsWith(".d.ts")).map((entry) => join(dir, entry));
}
