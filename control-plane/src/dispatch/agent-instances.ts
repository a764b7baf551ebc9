/**
 * Tells two processes with one agent's token apart. The one that was seen first later wins: order of first
 * appearance is the only clock that both share.
 */
export class AgentInstances {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS agent_instances (
      agent_id TEXT NOT NULL, instance_id TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (agent_id, instance_id)
    ) WITHOUT ROWID`);
  }

  /** Notes that an instance says hello. @returns whether it is the agent's newest */
  isNewest(agentId: string, instanceId: string): boolean {
    const rows = this.#sql
      .exec<{ instance_id: string; number: number }>(
        "SELECT instance_id, number FROM agent_instances WHERE agent_id = ? ORDER BY number DESC",
        agentId,
      )
      .toArray();
    const newest = rows[0];
    if (newest?.instance_id === instanceId) return true;
    if (rows.some((row) => row.instance_id === instanceId)) return false;
    const number = (newest?.number ?? 0) + 1;
    this.#sql.exec("INSERT INTO agent_instances VALUES (?, ?, ?)", agentId, instanceId, number);
    this.#sql.exec(
      "DELETE FROM agent_instances WHERE agent_id = ? AND number <= ?",
      agentId,
      number - REMEMBERED,
    );
    return true;
  }

  forget(agentId: string): void {
    this.#sql.exec("DELETE FROM agent_instances WHERE agent_id = ?", agentId);
  }
}

/** How many past instances of an agent are remembered. */
const REMEMBERED = 20;
