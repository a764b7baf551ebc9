/**
 * The object's one alarm, shared by everything that has to happen at some time. Leases are looked through at
 * every alarm and say themselves when they want the next one; other times are kept in SQLite until they pass.
 */
export class AlarmClock {
  readonly #storage: DurableObjectStorage;
  #armedAt: number | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec("CREATE TABLE IF NOT EXISTS timers (at INTEGER PRIMARY KEY)");
  }

  /** To be called once in the constructor, before anything else: after a wake the alarm is still armed. */
  async load(): Promise<void> {
    this.#armedAt = await this.#storage.getAlarm();
  }

  /** Makes sure that the alarm fires at `at` or before. Costs a row only when it moves the alarm forward. */
  wakeAt(at: number): void {
    if (this.#armedAt !== null && this.#armedAt <= at) return;
    this.#armedAt = at;
    void this.#storage.setAlarm(at);
  }

  /** Like `wakeAt`, for a time that nobody looks up again. */
  remember(at: number): void {
    this.#storage.sql.exec("INSERT OR IGNORE INTO timers VALUES (?)", at);
    this.wakeAt(at);
  }

  /** The alarm fired: what has passed is forgotten, and the next remembered time is armed. */
  fired(now: number): void {
    this.#armedAt = null;
    this.#storage.sql.exec("DELETE FROM timers WHERE at <= ?", now);
    const next = this.#storage.sql.exec<{ at: number | null }>("SELECT min(at) AS at FROM timers").one().at;
    if (next !== null) this.wakeAt(next);
  }
}
