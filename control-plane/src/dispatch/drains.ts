interface DrainRow extends Record<string, SqlStorageValue> {
  instance_id: string;
  until: number;
}

/**
 * Which agents were asked to drain, kept in the object's SQLite: an agent that missed the request gets it again when it
 * reconnects. A new process of the agent does not drain.
 */
export class Drains {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS drains (
      agent_id TEXT PRIMARY KEY, instance_id TEXT NOT NULL, until INTEGER NOT NULL
    ) WITHOUT ROWID`);
  }

  /** @param until when the agent returns the jobs that are left */
  begin(agentId: string, instanceId: string, until: number): void {
    this.#sql.exec("INSERT OR REPLACE INTO drains VALUES (?, ?, ?)", agentId, instanceId, until);
  }

  /** Until when the process drains; null when it does not drain. */
  untilOf(agentId: string, instanceId: string): number | null {
    const row = this.#sql
      .exec<DrainRow>("SELECT instance_id, until FROM drains WHERE agent_id = ?", agentId)
      .toArray()[0];
    if (row === undefined) return null;
    if (row.instance_id === instanceId) return row.until;
    this.#sql.exec("DELETE FROM drains WHERE agent_id = ?", agentId);
    return null;
  }
}
