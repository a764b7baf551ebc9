import { isTerminal } from "@splatt/shared";
import type { SimulatedHost } from "../actors/simulated-host.ts";
import type { Watcher } from "../actors/watcher.ts";
import type { ControlPlane } from "../fakes/control-plane.ts";
import type { Finding } from "./jobs.ts";
import type { Observation } from "./observation.ts";

/** What must hold some time after the last fault. */

export function everyJobHasEnded({ jobs }: Observation): Finding {
  const open = [...jobs.values()].filter(({ status }) => !isTerminal(status));
  if (open.length === 0) return null;
  return open
    .map(({ id, status, lease_id }) => `job ${id.slice(0, 8)} is ${status}${lease_id ? ", leased" : ""}`)
    .join("; ");
}

/** No Dispatcher holds a lease when no job runs. */
export function noLeaseIsLeft({ objects }: ControlPlane): Finding {
  for (const { name, file } of objects.values()) {
    const leases = file.rows("SELECT job_id, state FROM leases");
    if (leases.length > 0) return `the Dispatcher of ${name} still has ${JSON.stringify(leases)}`;
  }
  return null;
}

/** D1, which the API and the alarms read, says of every agent whether it has a socket. */
export function connectionsAreShown({ objects, d1 }: ControlPlane): Finding {
  const connected = new Set([...objects.values()].flatMap((object) => [...object.connectedAgents]));
  const rows = d1.file.rows("SELECT id, name, connected FROM agents");
  const wrong = rows.find((row) => connected.has(String(row.id)) !== (row.connected === 1));
  return wrong === undefined ? null : `D1 says ${wrong.connected} of the connection of ${wrong.name}`;
}

/** Of hosts that are all off, D1 shows none as connected. */
export function noAgentIsConnected({ d1 }: ControlPlane): Finding {
  const [row] = d1.file.rows("SELECT name FROM agents WHERE connected");
  return row === undefined ? null : `${row.name} is off, but D1 shows it as connected`;
}

/** No agent reports that it holds a job. */
export function noAgentHoldsAJob(hosts: readonly SimulatedHost[]): Finding {
  const holder = hosts.find(({ isRunning, heldJobs }) => isRunning && heldJobs.length > 0);
  return holder === undefined ? null : `${holder.plan.name} still holds ${holder.heldJobs.join(", ")}`;
}

/** Every watcher of a job that has ended got the end, and stopped. */
export function noWatcherWaits(watchers: readonly Watcher[]): Finding {
  const waiting = watchers.find(({ ended }) => ended === null);
  return waiting === undefined ? null : `a watcher of job ${waiting.jobId.slice(0, 8)} waits for its end`;
}

/** After the last purge, storage holds the results of completed jobs and uploaded videos, and nothing else. */
export function storageHoldsNothingElse({ d1, r2 }: ControlPlane): Finding {
  const keys = (sql: string) => d1.file.rows(sql).map(({ r2_key }) => String(r2_key));
  const wanted = new Set([...keys("SELECT r2_key FROM results"), ...keys("SELECT r2_key FROM uploads")]);
  const stray = [...r2.objects.keys()].filter((key) => !wanted.has(key));
  if (stray.length > 0) return `storage still has ${stray.join(", ")}`;
  const open = r2.openUploads();
  if (open.length > 0) return `storage still has open uploads: ${open.join(", ")}`;
  const rows = d1.file.rows("SELECT id, job_id FROM result_uploads");
  if (rows.length > 0) return `D1 still has uploads of results: ${JSON.stringify(rows)}`;
  const sweeps = d1.file.rows("SELECT job_id FROM result_sweeps");
  if (sweeps.length > 0) return `D1 still has jobs to sweep: ${JSON.stringify(sweeps)}`;
  const tombstones = d1.file.rows("SELECT job_id FROM tombstones");
  return tombstones.length > 0 ? `D1 still has tombstones: ${JSON.stringify(tombstones)}` : null;
}
