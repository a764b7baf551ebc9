import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { reportBug } from "../kernel/bugs.ts";
import { theWorld } from "../kernel/world.ts";
import { storageCall } from "./storage-call.ts";

interface Prepared {
  readonly statement: StatementSync;
  readonly writes: boolean;
  /** A label for the trace: `update jobs`. */
  readonly name: string;
}

/** A SQLite database that keeps prepared statements across runs: preparing costs more than running. */
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

/**
 * The part of D1's API that drizzle's driver uses, on node:sqlite. Only a batch is a transaction. It outlives the
 * runs, so that the Worker computes its per-binding caches once.
 */
export class SimD1 {
  readonly file: SqliteFile;
  /** Incremented by every statement that may have changed a job or its files. */
  version = 0;

  constructor(file: SqliteFile) {
    this.file = file;
  }

  prepare(sql: string): D1Statement {
    return new D1Statement(this, sql, this.file.prepare(sql), []);
  }

  batch(statements: readonly D1Statement[]): Promise<D1Result[]> {
    const [first] = statements;
    return this.call(`${first?.name ?? "nothing"} and ${statements.length - 1} more`, () => {
      this.file.rows("BEGIN");
      try {
        const results = statements.map((statement) => statement.execute());
        this.file.rows("COMMIT");
        return results;
      } catch (error) {
        this.file.rows("ROLLBACK");
        throw error;
      }
    });
  }

  call<T>(what: string, execute: () => T): Promise<T> {
    return storageCall(theWorld(), "d1", what, () => {
      try {
        return execute();
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        if (!CONDITION.test(text)) reportBug(theWorld(), what, text);
        throw new Error(`D1_ERROR: ${text}`);
      }
    });
  }
}

class D1Statement {
  readonly #d1: SimD1;
  readonly #sql: string;
  readonly #prepared: Prepared;
  readonly #params: readonly SQLInputValue[];

  constructor(d1: SimD1, sql: string, prepared: Prepared, params: readonly SQLInputValue[]) {
    this.#d1 = d1;
    this.#sql = sql;
    this.#prepared = prepared;
    this.#params = params;
  }

  get name(): string {
    return this.#prepared.name;
  }

  /** Inlines LIMIT: SQLite replans a statement with a bound LIMIT each time. */
  bind(...params: SQLInputValue[]): D1Statement {
    const [before = "", after] = this.#sql.split(" limit ?");
    if (after === undefined) return new D1Statement(this.#d1, this.#sql, this.#prepared, params);
    const at = before.split("?").length - 1;
    return this.#d1.prepare(`${before} limit ${params[at]}${after}`).bind(...params.toSpliced(at, 1));
  }

  all(): Promise<D1Result> {
    return this.#d1.call(this.name, () => this.execute());
  }

  run(): Promise<D1Result> {
    return this.all();
  }

  raw(): Promise<unknown[][]> {
    return this.#d1.call(this.name, () => {
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

  #begin(): Prepared {
    if (this.#params.length > MAX_BOUND_PARAMETERS) throw new Error("too many SQL variables");
    const { writes, name } = this.#prepared;
    if (writes && WATCHED.test(name)) this.#d1.version += 1;
    return this.#prepared;
  }
}

/** What the schema refuses on purpose; any other error is in a statement. */
const CONDITION = /constraint failed|^refused: /;
const MAX_BOUND_PARAMETERS = 100;
/** The tables that the invariants read. */
const WATCHED = / (jobs|results|uploads)$/;
