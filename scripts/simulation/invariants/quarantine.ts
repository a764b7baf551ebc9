import type { Fence } from "@splatt/shared";
import type { SqliteFile } from "../fakes/d1.ts";
import type { Finding } from "./jobs.ts";

/** An agent that the API shows as quarantined is assigned nothing. */
export function aQuarantinedAgentGetsNoJob(frame: string, d1: SqliteFile): Finding {
  if (!frame.startsWith('{"type":"job.assign"')) return null;
  const { fence } = JSON.parse(frame) as { fence: Fence };
  const [row] = d1.rows(
    `SELECT agents.name FROM jobs JOIN agents ON agents.id = jobs.agent_id
     WHERE jobs.lease_id = ? AND agents.quarantined_at IS NOT NULL`,
    fence.lease_id,
  );
  return row === undefined ? null : `job ${fence.job_id.slice(0, 8)} goes to ${String(row.name)}`;
}
