import type { HostFault } from "../db/schema.ts";
import type { ChangedAgents } from "./changed-agents.ts";
import { type FaultRecord, NO_FAULTS } from "./quarantine.ts";

interface FaultRow extends Record<string, SqlStorageValue> {
  agent_id: string;
  faults: string;
  quarantined_at: number | null;
  unsaved: string | null;
}

/** A change of a record that the agent's row in D1 does not show yet. `clear`: the record ends when it does. */
export type Unsaved = "save" | "clear";

/**
 * The agents whose last jobs failed, in the object's SQLite: assigning must know them without asking D1. The agents'
 * rows in D1 show the same to the API.
 */
export class FaultTable {
  readonly #sql: SqlStorage;
  readonly #changed: ChangedAgents;

  /** @param changed notes the agents whose records change */
  constructor(sql: SqlStorage, changed: ChangedAgents) {
    this.#sql = sql;
    this.#changed = changed;
    sql.exec(`CREATE TABLE IF NOT EXISTS agent_faults (
      agent_id TEXT PRIMARY KEY, faults TEXT NOT NULL, quarantined_at INTEGER, unsaved TEXT
    ) WITHOUT ROWID`);
  }

  of(agentId: string): FaultRecord {
    const row = this.#sql
      .exec<FaultRow>("SELECT * FROM agent_faults WHERE agent_id = ?", agentId)
      .toArray()[0];
    const isCleared = row?.unsaved === "clear" && row.quarantined_at === null;
    if (row === undefined || isCleared) return NO_FAULTS;
    return { faults: JSON.parse(row.faults) as HostFault[], quarantinedAt: row.quarantined_at };
  }

  /** The agents that get no jobs. */
  quarantined(): ReadonlySet<string> {
    const rows = this.#sql
      .exec<Pick<FaultRow, "agent_id">>("SELECT agent_id FROM agent_faults WHERE quarantined_at IS NOT NULL")
      .toArray();
    return new Set(rows.map(({ agent_id }) => agent_id));
  }

  put(agentId: string, { faults, quarantinedAt }: FaultRecord): void {
    this.#changed.add(agentId);
    this.#sql.exec(
      "INSERT OR REPLACE INTO agent_faults VALUES (?, ?, ?, 'save')",
      agentId,
      JSON.stringify(faults),
      quarantinedAt,
    );
  }

  /** Ends the record, and its quarantine, once D1 has stored that: `saved` completes it. */
  clear(agentId: string): void {
    this.#sql.exec("UPDATE agent_faults SET unsaved = 'clear' WHERE agent_id = ?", agentId);
  }

  unsaved(): { readonly agentId: string; readonly change: Unsaved; readonly record: FaultRecord }[] {
    return this.#sql
      .exec<FaultRow>("SELECT * FROM agent_faults WHERE unsaved IS NOT NULL")
      .toArray()
      .map(({ agent_id, unsaved, faults, quarantined_at }) => ({
        agentId: agent_id,
        change: unsaved as Unsaved,
        record: { faults: JSON.parse(faults) as HostFault[], quarantinedAt: quarantined_at },
      }));
  }

  /** D1 shows the change, unless another one was made meanwhile. */
  saved(agentId: string, change: Unsaved, { faults }: FaultRecord): void {
    this.#changed.add(agentId);
    const same = [agentId, change, JSON.stringify(faults)];
    const statement =
      change === "clear"
        ? "DELETE FROM agent_faults WHERE agent_id = ? AND unsaved = ? AND faults = ?"
        : "UPDATE agent_faults SET unsaved = NULL WHERE agent_id = ? AND unsaved = ? AND faults = ?";
    this.#sql.exec(statement, ...same);
  }

  forget(agentId: string): void {
    this.#changed.add(agentId);
    this.#sql.exec("DELETE FROM agent_faults WHERE agent_id = ?", agentId);
  }
}
