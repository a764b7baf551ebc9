/**
 * Distinguishes processes that use one agent's token. The one that first appeared last wins: order of first appearance
 * is the only clock that they share.
 *
 * A hello may arrive after its process has died and the next one has connected. So a process that has sent nothing but
 * hello does not keep out the one before it.
 */
export class AgentInstances {
  readonly #sql: SqlStorage;
  /** By agent, the instance known to be active. Hibernation forgets it; it is recorded again. */
  readonly #active = new Map<string, string>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS agent_instances (
      agent_id TEXT NOT NULL, instance_id TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (agent_id, instance_id)
    ) WITHOUT ROWID`);
    sql.exec(`CREATE TABLE IF NOT EXISTS silent_instances (
      agent_id TEXT PRIMARY KEY, instance_id TEXT NOT NULL
    ) WITHOUT ROWID`);
  }

  /** Records the hello of an instance. @returns whether it is the agent's newest */
  isNewest(agentId: string, instanceId: string): boolean {
    const rows = this.#sql
      .exec<{ instance_id: string; number: number }>(
        "SELECT instance_id, number FROM agent_instances WHERE agent_id = ? ORDER BY number DESC",
        agentId,
      )
      .toArray();
    const newest = rows[0];
    if (newest?.instance_id === instanceId) return true;
    if (newest !== undefined && rows.some((row) => row.instance_id === instanceId)) {
      if (!this.#isSilent(agentId, newest.instance_id)) return false;
      this.#sql.exec("DELETE FROM agent_instances WHERE agent_id = ? AND number = ?", agentId, newest.number);
      this.#sql.exec("DELETE FROM silent_instances WHERE agent_id = ?", agentId);
      return this.isNewest(agentId, instanceId);
    }
    const number = (newest?.number ?? 0) + 1;
    this.#sql.exec("INSERT INTO agent_instances VALUES (?, ?, ?)", agentId, instanceId, number);
    this.#sql.exec("INSERT OR REPLACE INTO silent_instances VALUES (?, ?)", agentId, instanceId);
    this.#sql.exec(
      "DELETE FROM agent_instances WHERE agent_id = ? AND number <= ?",
      agentId,
      number - REMEMBERED,
    );
    return true;
  }

  /** An instance sent something other than hello, so it is running. */
  noteActivity(agentId: string, instanceId: string): void {
    if (this.#active.get(agentId) === instanceId) return;
    this.#active.set(agentId, instanceId);
    this.#sql.exec(
      "DELETE FROM silent_instances WHERE agent_id = ? AND instance_id = ?",
      agentId,
      instanceId,
    );
  }

  forget(agentId: string): void {
    this.#active.delete(agentId);
    this.#sql.exec("DELETE FROM agent_instances WHERE agent_id = ?", agentId);
    this.#sql.exec("DELETE FROM silent_instances WHERE agent_id = ?", agentId);
  }

  #isSilent(agentId: string, instanceId: string): boolean {
    const query = "SELECT 1 FROM silent_instances WHERE agent_id = ? AND instance_id = ?";
    return this.#sql.exec(query, agentId, instanceId).toArray().length > 0;
  }
}

/** How many past instances of an agent are kept. */
const REMEMBERED = 20;
