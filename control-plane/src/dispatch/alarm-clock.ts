/**
 * The object's one alarm, shared by everything that waits. Every alarm checks all leases, which ask for the next alarm;
 * other times are kept in SQLite until they pass.
 */
export class AlarmClock {
  readonly #storage: DurableObjectStorage;
  #armedAt: number | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec("CREATE TABLE IF NOT EXISTS timers (at INTEGER PRIMARY KEY)");
  }

  /** Call once, in the constructor: the alarm stays armed while the object is not in memory. */
  async load(): Promise<void> {
    this.#armedAt = await this.#storage.getAlarm();
  }

  /** Makes the alarm fire at `at` or before. Writes a row only when it moves the alarm forward. */
  wakeAt(at: number): void {
    if (this.#armedAt !== null && this.#armedAt <= at) return;
    this.#armedAt = at;
    void this.#storage.setAlarm(at);
  }

  /** Like `wakeAt`, for a time that is not recorded elsewhere. */
  remember(at: number): void {
    this.#storage.sql.exec("INSERT OR IGNORE INTO timers VALUES (?)", at);
    this.wakeAt(at);
  }

  /** The alarm fired: times that have passed are dropped, and the alarm is armed for the next one. */
  fired(now: number): void {
    this.#armedAt = null;
    this.#storage.sql.exec("DELETE FROM timers WHERE at <= ?", now);
    const next = this.#storage.sql.exec<{ at: number | null }>("SELECT min(at) AS at FROM timers").one().at;
    if (next !== null) this.wakeAt(next);
  }
}
