import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ROOT } from "@splatt/local/local-machine";
import { type AgentCode, loadAgentCode } from "./actors/agent-code.ts";
import type { ControlPlaneFiles } from "./fakes/control-plane.ts";
import { SimD1, SqliteFile } from "./fakes/d1.ts";
import { installWorkerGlobals } from "./fakes/worker-globals.ts";
import type { WorkerCode, WorkerModule } from "./fakes/worker-interface.ts";
import { installVirtualGlobals } from "./kernel/virtual-globals.ts";
import { changed, hookLoader, type SourceChange } from "./loader.ts";

/** Variables, not literals in the imports: this project uses Node's types, these modules Cloudflare's. */
const WORKER: string = "@splatt/control-plane/worker";
const AGENT_TOKENS: string = "@splatt/control-plane/agent-tokens";
const API_KEY: string = "@splatt/control-plane/api-key";

/** Small enough that files of a few hundred bytes need several parts, as files of a few hundred megabytes do. */
const PART_SIZE_BYTES = 128;
/** About half of the files that fit into one part are sent whole, so that both ways are tried. */
const MAX_WHOLE_FILE_BYTES = 85;
/** In proportion: R2's minimum is 5 MiB, and the code sends 32 MiB. */
const SMALLEST_PART_BYTES = 20;
const TUS_PART_BYTES = 32;

/** Scales the code down: uploading results dominates the cost of a run. */
const SCALE: readonly SourceChange[] = [
  {
    file: "shared/src/uploads.ts",
    search: "export const PART_SIZE_BYTES = 32 * MIB;",
    replace: `export const PART_SIZE_BYTES = ${PART_SIZE_BYTES};`,
  },
  {
    file: "shared/src/uploads.ts",
    search: "export const MAX_WHOLE_FILE_BYTES = 32 * MIB;",
    replace: `export const MAX_WHOLE_FILE_BYTES = ${MAX_WHOLE_FILE_BYTES};`,
  },
  {
    file: "control-plane/src/storage/append-through-worker.ts",
    search: "return Math.max(MIN_PART_BYTES, Math.ceil(size / MAX_PARTS / MIB) * MIB);",
    replace: `return ${TUS_PART_BYTES};`,
  },
  // Drawing random bytes to try out the disk would take a tenth of a run.
  {
    file: "gpu-agent/src/jobs/workspace-health.ts",
    search: "const TRIAL_BYTES = 48 * 1024;",
    replace: "const TRIAL_BYTES = 48;",
  },
  // A share shows cameras too; they are not among the results here.
  {
    file: "control-plane/src/shares/shared-files.ts",
    search: 'const CAMERAS_FILE = "transforms.json";',
    replace: 'const CAMERAS_FILE = "baked_splat.ply";',
  },
  // An isolate keeps what it has read, but not from one run to the next.
  {
    file: "control-plane/src/results/signing-secrets.ts",
    search: "const CACHE_MS = 5 * 60 * 1000;",
    replace: "const CACHE_MS = 0;",
  },
  {
    file: "shared/src/jobs/result-files.ts",
    search:
      'export const RESULT_FILES = ["transforms.json", "baked_splat.ply", "baked_splat_sh.ply"] as const;',
    replace: 'export const RESULT_FILES = ["baked_splat.ply"] as const;',
  },
];

/** The shipped code, loaded onto the fakes. */
export interface ShippedCode {
  readonly worker: WorkerCode;
  readonly agent: AgentCode;
  /** R2's minimum part size, scaled like the parts that the code sends. */
  readonly smallestPart: number;
}

/** Loads the shipped code onto the fakes, with additional changes, for the rest of this thread's life. */
export async function loadShippedCode(changes: readonly SourceChange[]): Promise<ShippedCode> {
  const unchanged = hookLoader([...SCALE, ...changes.filter(({ file }) => !isMigration(file))]);
  installVirtualGlobals();
  installWorkerGlobals();
  const worker = (await import(WORKER)) as WorkerModule;
  const { newAgentToken } = (await import(AGENT_TOKENS)) as Pick<WorkerCode, "newAgentToken">;
  const { newApiKey } = (await import(API_KEY)) as Pick<WorkerCode, "newApiKey">;
  const agent = await loadAgentCode();
  if (unchanged().length > 0) throw new Error(`loaded too early, or not at all: ${unchanged().join(", ")}`);
  return { worker: { ...worker, newAgentToken, newApiKey }, agent, smallestPart: SMALLEST_PART_BYTES };
}

/** The databases of one thread: created once, emptied for each run. */
export class Databases implements ControlPlaneFiles {
  readonly d1: SimD1;
  readonly #objects = new Map<string, SqliteFile>();

  /** @param changes of the migrations; others are left to the loader */
  constructor(changes: readonly SourceChange[] = []) {
    this.d1 = new SimD1(new SqliteFile(new DatabaseSync(":memory:")));
    for (const statement of migrations(changes)) this.d1.file.db.exec(statement);
  }

  object(name: string): SqliteFile {
    const known = this.#objects.get(name);
    if (known !== undefined) return known;
    const file = new SqliteFile(new DatabaseSync(":memory:"));
    this.#objects.set(name, file);
    return file;
  }

  empty(): void {
    for (const file of [this.d1.file, ...this.#objects.values()]) {
      if (file.db.isTransaction) file.rows("ROLLBACK");
      for (const { name } of file.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")) {
        if (name !== "job_counts") file.rows(`DELETE FROM ${String(name)}`);
      }
    }
    this.d1.file.rows("UPDATE job_counts SET jobs = 0");
  }
}

const MIGRATIONS = "control-plane/migrations";

function isMigration(file: string): boolean {
  return file.startsWith(MIGRATIONS);
}

/** Every statement of the real migrations, in order. */
function migrations(changes: readonly SourceChange[]): string[] {
  const names = readdirSync(join(ROOT, MIGRATIONS)).filter((name) => name.endsWith(".sql"));
  return names.toSorted().flatMap((name) => {
    const file = `${MIGRATIONS}/${name}`;
    const text = readFileSync(join(ROOT, file), "utf8");
    return changes
      .filter((change) => change.file === file)
      .reduce(changed, text)
      .split("--> statement-breakpoint");
  });
}
