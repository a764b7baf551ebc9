import { readFileSync, realpathSync } from "node:fs";
import { type LoadFnOutput, type ResolveFnOutput, registerHooks } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ROOT } from "@splatt/local/local-machine";
import { transformSync } from "rolldown/utils";

/** A change of a module's source text, applied on loading. */
export interface SourceChange {
  /** Relative to the project. */
  readonly file: string;
  /** Must occur exactly once. */
  readonly search: string;
  readonly replace: string;
}

/** The modules that are faked for shipped code. All others are real. */
const FAKES: Readonly<Record<string, string>> = {
  "cloudflare:workers": "cloudflare-workers.ts",
  "./engines/gpus.ts": "engine-set-up.ts",
  "./engines/set-up.ts": "engine-set-up.ts",
  "./tools/tool-survey.ts": "tool-survey.ts",
  "node:crypto": "node-crypto.ts",
  "node:fs": "fs.ts",
  "node:fs/promises": "fs-promises.ts",
  "node:timers/promises": "timers-promises.ts",
  undici: "undici.ts",
  ws: "ws.ts",
};

const SHIPPED = ["control-plane", "gpu-agent", "gpu-agent/formats", "shared"].map(
  (name) => `${pathToFileURL(join(ROOT, name, "src")).href}/`,
);

/**
 * From now on, modules of the shipped code load with these changes and with fakes of the outside world.
 *
 * @returns a function that lists the changed files that have not been loaded yet
 */
export function hookLoader(changes: readonly SourceChange[]): () => string[] {
  const pending = Map.groupBy(changes, ({ file }) => pathToFileURL(realpathSync(join(ROOT, file))).href);
  registerHooks({
    resolve(specifier, context, next) {
      const parent = context.parentURL ?? "";
      const fake = isShipped(parent) ? FAKES[specifier] : undefined;
      if (fake !== undefined) {
        return { url: pathToFileURL(join(import.meta.dirname, "fakes", fake)).href, shortCircuit: true };
      }
      return inDrizzle(specifier, parent, () => next(specifier, context)) ?? next(specifier, context);
    },
    load(url, context, next) {
      const loaded = url.endsWith(".tsx") ? loadTsx(url) : next(url, context);
      const wanted = pending.get(url);
      if (wanted === undefined) return loaded;
      pending.delete(url);
      const text = String(loaded.source);
      return { ...loaded, source: wanted.reduce((source, change) => changed(source, change), text) };
    },
  });
  return () => [...pending.keys()];
}

const drizzle = new Map<string, ResolveFnOutput>();

/**
 * Where a module of drizzle is. For each of its hundreds of imports Node would parse its package.json, 180 kB, which
 * would take most of the start of a thread.
 *
 * @param ask Node's own answer, which is the same for all that import the package
 * @returns null for other modules
 */
function inDrizzle(specifier: string, parent: string, ask: () => ResolveFnOutput): ResolveFnOutput | null {
  if (specifier.startsWith(".") && parent.includes("/node_modules/drizzle-orm/")) {
    return { url: new URL(specifier, parent).href, format: "module", shortCircuit: true };
  }
  if (specifier !== "drizzle-orm" && !specifier.startsWith("drizzle-orm/")) return null;
  const resolved = drizzle.get(specifier) ?? { ...ask(), shortCircuit: true };
  drizzle.set(specifier, resolved);
  return resolved;
}

/** Node strips types, but does not know JSX. */
function loadTsx(url: string): LoadFnOutput {
  const path = fileURLToPath(url);
  const { code, errors } = transformSync(path, readFileSync(path, "utf8"), {
    jsx: { runtime: "automatic", importSource: "hono/jsx" },
  });
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  return { format: "module", source: code, shortCircuit: true };
}

function isShipped(url: string): boolean {
  return SHIPPED.some((folder) => url.startsWith(folder));
}

/** @throws when the search text does not occur exactly once, which means that the code has changed */
export function changed(source: string, { file, search, replace }: SourceChange): string {
  const parts = source.split(search);
  if (parts.length !== 2)
    throw new Error(`${file}: ${parts.length - 1} occurrences instead of one of: ${search}`);
  return source.replace(search, () => replace);
}
