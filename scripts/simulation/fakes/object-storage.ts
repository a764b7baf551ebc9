import type { SQLInputValue } from "node:sqlite";
import type { World } from "../kernel/world.ts";
import type { SqliteFile } from "./d1.ts";

const COMMIT_MS = [0.1, 10] as const;

/**
 * A Durable Object's storage: SQLite and one alarm time, with the output gate. Writes are committed a moment later;
 * until then the object's output is held, and a crash discards both.
 */
export class ObjectStorage {
  readonly sql: SimSql;
  readonly #world: World;
  readonly #name: string;
  readonly #file: SqliteFile;
  readonly #onAlarm: (at: number | null) => void;
  #committedAlarm: number | null = null;
  #alarm: number | null = null;
  /** Output held until the commit; null when nothing is uncommitted. */
  #gated: (() => void)[] | null = null;

  /** @param onAlarm called with the alarm time, in epoch ms, once it is durable */
  constructor(world: World, name: string, file: SqliteFile, onAlarm: (at: number | null) => void) {
    this.#world = world;
    this.#name = name;
    this.#file = file;
    this.#onAlarm = onAlarm;
    this.sql = new SimSql(file, () => this.#write());
  }

  /** Calls `send` once all earlier writes are durable. */
  readonly outputGate = (send: () => void): void => {
    if (this.#gated === null) send();
    else this.#gated.push(send);
  };

  get isDirty(): boolean {
    return this.#gated !== null;
  }

  /** The object died: rolls back everything uncommitted. */
  crash(): void {
    if (this.#gated === null) return;
    this.#gated = null;
    this.#file.rows("ROLLBACK");
    this.#alarm = this.#committedAlarm;
  }

  /** Clears the alarm as it is delivered. */
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
      // A crash has rolled this back; a newer open transaction has a separate commit.
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

/** The synchronous part of `ctx.storage.sql`, which is all that the code uses. */
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
