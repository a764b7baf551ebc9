import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { World } from "../kernel/world.ts";
import { storageCall } from "./storage-call.ts";

interface Prepared {
  readonly statement: StatementSync;
  readonly writes: boolean;
  /** What it does, for the trace: `update jobs`. */
  readonly name: string;
}

/** A SQLite database whose statements stay prepared from one run to the next: preparing costs more than running. */
export class SqliteFile {
  readonly db: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();

  constructor(db: DatabaseSync) {
    this.db = db;
  }

  prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const prepared = {
      statement: this.db.prepare(sql),
      writes: !/^\s*(SELECT|CREATE)\b/i.test(sql),
      name: nameOf(sql),
    };
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  rows(sql: string, ...params: SQLInputValue[]): Record<string, unknown>[] {
    const { statement } = this.prepare(sql);
    statement.setReturnArrays(false);
    return statement.all(...params) as Record<string, unknown>[];
  }
}

function nameOf(sql: string): string {
  const verb = sql.trimStart().slice(0, 6).toLowerCase();
  const table = /\b(?:from|into|update)\s+"?(\w+)/i.exec(sql)?.[1] ?? "";
  return `${verb} ${table}`;
}

interface D1Result {
  readonly results: Record<string, unknown>[];
  readonly success: true;
  readonly meta: object;
}

/** D1's port over node:sqlite, as far as drizzle's driver uses it. Only a batch is a transaction. */
export class SimD1 {
  readonly file: SqliteFile;
  readonly #world: World;
  /** Rises with every statement that may have changed a job or its results. */
  version = 0;

  constructor(world: World, file: SqliteFile) {
    this.#world = world;
    this.file = file;
  }

  prepare(sql: string): D1Statement {
    return new D1Statement(this, sql, []);
  }

  batch(statements: readonly D1Statement[]): Promise<D1Result[]> {
    const [first] = statements;
    const name = first === undefined ? "nothing" : this.file.prepare(first.sql).name;
    return this.call(`${name} and ${statements.length - 1} more`, () => {
      this.file.db.exec("BEGIN");
      try {
        const results = statements.map((statement) => statement.execute());
        this.file.db.exec("COMMIT");
        return results;
      } catch (error) {
        this.file.db.exec("ROLLBACK");
        throw error;
      }
    });
  }

  call<T>(what: string, execute: () => T): Promise<T> {
    return storageCall(this.#world, "d1", what, () => {
      try {
        return execute();
      } catch (error) {
        throw new Error(`D1_ERROR: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
  }
}

class D1Statement {
  readonly #d1: SimD1;
  readonly sql: string;
  readonly #params: readonly SQLInputValue[];

  constructor(d1: SimD1, sql: string, params: readonly SQLInputValue[]) {
    this.#d1 = d1;
    this.sql = sql;
    this.#params = params;
  }

  bind(...params: SQLInputValue[]): D1Statement {
    return new D1Statement(this.#d1, this.sql, params);
  }

  all(): Promise<D1Result> {
    return this.#d1.call(this.#name, () => this.execute());
  }

  run(): Promise<D1Result> {
    return this.all();
  }

  raw(): Promise<unknown[][]> {
    return this.#d1.call(this.#name, () => {
      const { statement } = this.#begin();
      statement.setReturnArrays(true);
      return statement.all(...this.#params) as unknown as unknown[][];
    });
  }

  execute(): D1Result {
    const { statement } = this.#begin();
    statement.setReturnArrays(false);
    const results = statement.all(...this.#params) as Record<string, unknown>[];
    return { results, success: true, meta: {} };
  }

  get #name(): string {
    return this.#d1.file.prepare(this.sql).name;
  }

  #begin(): Prepared {
    if (this.#params.length > MAX_BOUND_PARAMETERS) throw new Error("too many SQL variables");
    const prepared = this.#d1.file.prepare(this.sql);
    if (prepared.writes && WATCHED.test(prepared.name)) this.#d1.version += 1;
    return prepared;
  }
}

const MAX_BOUND_PARAMETERS = 100;
/** The tables that the invariants are about. */
const WATCHED = / (jobs|results)$/;
