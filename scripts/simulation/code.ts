import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ROOT } from "../lib/local-machine.ts";
import { loadAgentCode } from "./cast/agent-code.ts";
import { installVirtualGlobals } from "./kernel/virtual-globals.ts";
import { hookLoader, type SourceChange, shippedModule } from "./loader.ts";
import type { ControlPlaneFiles, WorkerCode } from "./ports/control-plane.ts";
import { SqliteFile } from "./ports/d1.ts";
import { installWorkerGlobals } from "./ports/worker-globals.ts";
import type { ShippedCode } from "./run-seed.ts";

/** Files of some hundred bytes are to travel in several parts, as files of some hundred megabytes do. */
const PART_SIZE_BYTES = 128;
/** R2 wants 5 MiB where the code sends 32. */
const SMALLEST_PART_BYTES = 20;

/** The code on a smaller scale: what a run costs is mostly the upload of its results. */
const SCALE: readonly SourceChange[] = [
  {
    file: "shared/src/uploads.ts",
    search: "export const PART_SIZE_BYTES = 32 * MIB;",
    replace: `export const PART_SIZE_BYTES = ${PART_SIZE_BYTES};`,
  },
  {
    file: "shared/src/job.ts",
    search:
      'export const RESULT_FILES = ["transforms.json", "baked_splat.ply", "baked_splat_sh.ply"] as const;',
    replace: 'export const RESULT_FILES = ["baked_splat.ply"] as const;',
  },
];

/**
 * drizzle asks of every piece of every query, a dozen times, what it is an instance of, each time along the whole
 * prototype chain. The answer is a property of the class; remembering it makes a run a tenth shorter.
 */
const SPEED: SourceChange = {
  file: "control-plane/node_modules/drizzle-orm/entity.js",
  search: "function is(value, type) {",
  replace: `const answers = new Map();
function is(value, type) {
  if (!value || typeof value !== "object") return false;
  const made = Object.getPrototypeOf(value)?.constructor;
  if (typeof made !== "function") return isAnew(value, type);
  let known = answers.get(made);
  if (known === undefined) answers.set(made, (known = new Map()));
  let answer = known.get(type);
  if (answer === undefined) known.set(type, (answer = isAnew(value, type)));
  return answer;
}
function isAnew(value, type) {`,
};

/** Loads the shipped code onto the ports, for the rest of this thread's life. */
export async function loadShippedCode(mutations: readonly SourceChange[]): Promise<ShippedCode> {
  const unchanged = hookLoader([...SCALE, SPEED, ...mutations]);
  installVirtualGlobals();
  installWorkerGlobals();
  const worker = (await import(shippedModule("control-plane/src/index.ts"))) as WorkerCode;
  const agent = await loadAgentCode();
  if (unchanged().length > 0) throw new Error(`loaded too early, or not at all: ${unchanged().join(", ")}`);
  return { worker, agent, smallestPart: SMALLEST_PART_BYTES };
}

/** The databases of one thread: made once, emptied for each run. */
export class Databases implements ControlPlaneFiles {
  readonly d1: SqliteFile;
  readonly #objects = new Map<string, SqliteFile>();
  readonly #emptyCounts: string;

  constructor() {
    this.d1 = new SqliteFile(new DatabaseSync(":memory:"));
    for (const statement of migrations()) this.d1.db.exec(statement);
    this.#emptyCounts = "UPDATE job_counts SET jobs = 0";
  }

  object(name: string): SqliteFile {
    const known = this.#objects.get(name);
    if (known !== undefined) return known;
    const file = new SqliteFile(new DatabaseSync(":memory:"));
    this.#objects.set(name, file);
    return file;
  }

  empty(): void {
    for (const file of [this.d1, ...this.#objects.values()]) {
      if (file.db.isTransaction) file.db.exec("ROLLBACK");
      for (const { name } of file.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")) {
        if (name !== "job_counts") file.rows(`DELETE FROM ${String(name)}`);
      }
    }
    this.d1.rows(this.#emptyCounts);
  }
}

/** Every statement of the real migrations, in order. */
function migrations(): string[] {
  const folder = join(ROOT, "control-plane", "migrations");
  const files = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  return files
    .toSorted()
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("--> statement-breakpoint"));
}
