import { ChangedAgents } from "./changed-agents.ts";

/**
 * A lease as the Dispatcher remembers it, in the object's SQLite, so that deadlines survive hibernation, eviction and
 * deploys. D1 is the source of truth; `reconcileLeases` syncs this cache with it.
 */
export interface Lease {
  readonly jobId: string;
  readonly attempt: number;
  readonly leaseId: string;
  readonly agentId: string;
  /** `claiming`: waiting for D1. `sent`: waiting for the agent to accept. `held`: the agent has the job. */
  readonly state: "claiming" | "sent" | "held";
  /** When the state was entered, or the assignment last sent. */
  readonly since: number;
  /** How often the assignment was sent. */
  readonly sends: number;
  /** Since when the agent has no socket; null while it has one. */
  readonly lostAt: number | null;
}

interface LeaseRow extends Record<string, SqlStorageValue> {
  job_id: string;
  attempt: number;
  lease_id: string;
  agent_id: string;
  state: string;
  since: number;
  sends: number;
  lost_at: number | null;
}

export class LeaseTable {
  readonly #sql: SqlStorage;
  readonly #changed: ChangedAgents;

  /** @param changed notes the agents whose leases change */
  constructor(sql: SqlStorage, changed = new ChangedAgents()) {
    this.#sql = sql;
    this.#changed = changed;
    sql.exec(`CREATE TABLE IF NOT EXISTS leases (
      job_id TEXT PRIMARY KEY, attempt INTEGER NOT NULL, lease_id TEXT NOT NULL, agent_id TEXT NOT NULL,
      state TEXT NOT NULL, since INTEGER NOT NULL, sends INTEGER NOT NULL, lost_at INTEGER
    ) WITHOUT ROWID`);
    sql.exec("CREATE INDEX IF NOT EXISTS leases_agent ON leases (agent_id)");
  }

  all(): Lease[] {
    return this.#sql.exec<LeaseRow>("SELECT * FROM leases ORDER BY since").toArray().map(toLease);
  }

  get(jobId: string): Lease | null {
    const row = this.#sql.exec<LeaseRow>("SELECT * FROM leases WHERE job_id = ?", jobId).toArray()[0];
    return row === undefined ? null : toLease(row);
  }

  ofAgent(agentId: string): Lease[] {
    return this.#sql
      .exec<LeaseRow>("SELECT * FROM leases WHERE agent_id = ? ORDER BY since", agentId)
      .toArray()
      .map(toLease);
  }

  /** How many leases each agent has; agents without leases are absent. */
  countByAgent(): Map<string, number> {
    const rows = this.#sql
      .exec<{ agent_id: string; jobs: number }>(
        "SELECT agent_id, count(*) AS jobs FROM leases GROUP BY agent_id",
      )
      .toArray();
    return new Map(rows.map(({ agent_id, jobs }) => [agent_id, jobs]));
  }

  countOf(agentId: string): number {
    return this.#sql
      .exec<{ jobs: number }>("SELECT count(*) AS jobs FROM leases WHERE agent_id = ?", agentId)
      .one().jobs;
  }

  put(lease: Lease): void {
    const before = this.get(lease.jobId);
    if (before !== null) this.#changed.add(before.agentId);
    this.#changed.add(lease.agentId);
    this.#sql.exec(
      // Not REPLACE, which would also write the index each time.
      `INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job_id) DO UPDATE SET
         attempt = excluded.attempt, lease_id = excluded.lease_id, agent_id = excluded.agent_id,
         state = excluded.state, since = excluded.since, sends = excluded.sends, lost_at = excluded.lost_at`,
      lease.jobId,
      lease.attempt,
      lease.leaseId,
      lease.agentId,
      lease.state,
      lease.since,
      lease.sends,
      lease.lostAt,
    );
  }

  /** Removes the lease, unless the job has another one by now. */
  remove(lease: Pick<Lease, "jobId" | "leaseId" | "agentId">): void {
    this.#changed.add(lease.agentId);
    this.#sql.exec("DELETE FROM leases WHERE job_id = ? AND lease_id = ?", lease.jobId, lease.leaseId);
  }
}

function toLease(row: LeaseRow): Lease {
  return {
    jobId: row.job_id,
    attempt: row.attempt,
    leaseId: row.lease_id,
    agentId: row.agent_id,
    state: row.state as Lease["state"],
    since: row.since,
    sends: row.sends,
    lostAt: row.lost_at,
  };
}
