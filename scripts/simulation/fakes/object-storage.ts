import type { SQLInputValue } from "node:sqlite";
import type { World } from "../kernel/world.ts";
import type { SqliteFile } from "./d1.ts";

const COMMIT_MS = [0.1, 10] as const;

/**
 * A Durable Object's storage: SQLite and one alarm time, with the output gate. What is written is committed a
 * moment later; until then nothing that the object sends goes out, and a crash takes both back.
 */
export class ObjectStorage {
  readonly sql: SimSql;
  readonly #world: World;
  readonly #name: string;
  readonly #file: SqliteFile;
  readonly #onAlarm: (at: number | null) => void;
  #committedAlarm: number | null = null;
  #alarm: number | null = null;
  /** What waits for the commit; null when nothing is uncommitted. */
  #gated: (() => void)[] | null = null;

  /** @param onAlarm told which alarm time, in epoch ms, is durable now */
  constructor(world: World, name: string, file: SqliteFile, onAlarm: (at: number | null) => void) {
    this.#world = world;
    this.#name = name;
    this.#file = file;
    this.#onAlarm = onAlarm;
    this.sql = new SimSql(file, () => this.#write());
  }

  /** Lets `send` happen as soon as all that was written before is durable. */
  readonly outputGate = (send: () => void): void => {
    if (this.#gated === null) send();
    else this.#gated.push(send);
  };

  get isDirty(): boolean {
    return this.#gated !== null;
  }

  /** The object died: what was not committed never was. */
  crash(): void {
    if (this.#gated === null) return;
    this.#gated = null;
    this.#file.rows("ROLLBACK");
    this.#alarm = this.#committedAlarm;
  }

  /** The alarm is being delivered: from now on there is none, until somebody sets one. */
  alarmFires(): void {
    this.#alarm = null;
    this.#committedAlarm = null;
  }

  async getAlarm(): Promise<number | null> {
    return this.#alarm;
  }

  async setAlarm(at: number | Date): Promise<void> {
    this.#write();
    this.#alarm = Number(at);
  }

  async deleteAlarm(): Promise<void> {
    this.#write();
    this.#alarm = null;
  }

  transactionSync<T>(work: () => T): T {
    this.#write();
    this.#file.rows("SAVEPOINT work");
    try {
      const result = work();
      this.#file.rows("RELEASE work");
      return result;
    } catch (error) {
      this.#file.rows("ROLLBACK TO work");
      throw error;
    }
  }

  #write(): void {
    if (this.#gated !== null) return;
    const gated: (() => void)[] = [];
    this.#gated = gated;
    this.#file.rows("BEGIN");
    const commit = () => {
      // A crash has rolled this back; whatever is open now has a commit of its own.
      if (this.#gated !== gated) return;
      this.#file.rows("COMMIT");
      this.#gated = null;
      if (this.#alarm !== this.#committedAlarm) {
        this.#committedAlarm = this.#alarm;
        this.#onAlarm(this.#alarm);
      }
      for (const send of gated) send();
    };
    this.#world.schedule(this.#world.latency(...COMMIT_MS), `${this.#name} commits`, commit, null);
  }
}

/** `ctx.storage.sql`: synchronous, as far as anybody uses it. */
class SimSql {
  readonly #file: SqliteFile;
  readonly #beforeWrite: () => void;

  constructor(file: SqliteFile, beforeWrite: () => void) {
    this.#file = file;
    this.#beforeWrite = beforeWrite;
  }

  exec(sql: string, ...params: SQLInputValue[]) {
    if (this.#file.prepare(sql).writes) this.#beforeWrite();
    const rows = this.#file.rows(sql, ...params);
    return {
      toArray: () => rows,
      one: () => {
        const [only] = rows;
        if (only === undefined || rows.length > 1)
          throw new Error("Expected exactly one result from SQL query");
        return only;
      },
      [Symbol.iterator]: () => rows[Symbol.iterator](),
    };
  }
}
