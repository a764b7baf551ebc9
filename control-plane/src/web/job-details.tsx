import type { JobView, ResultEntry } from "@splatt/shared";
import { Ago } from "./components.tsx";
import { curlCommand } from "./curl-command.ts";
import { bytes, count } from "./format.ts";

export function Files({
  job,
  results,
}: {
  readonly job: JobView;
  readonly results: Record<string, ResultEntry>;
}) {
  return (
    <section class="card">
      <div class="head">
        <h2>Files</h2>
        <div class="actions">
          <a class="button" href={`/jobs/${job.job_id}/results.zip`}>
            Download all
          </a>
        </div>
      </div>
      <div class="table">
        <table>
          <thead>
            <tr>
              <th>Name</th>
              <th>Size</th>
              <th class="wide-only">SHA-256</th>
            </tr>
          </thead>
          <tbody>
            {Object.entries(results).map(([name, file]) => (
              <tr>
                <td class="wrap">
                  <a href={file.url}>{name}</a>
                </td>
                <td class="number">{bytes(file.size)}</td>
                <td class="wide-only">
                  <code title={file.sha256}>{file.sha256.slice(0, 12)}…</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface DetailsProps {
  readonly job: JobView;
  /** The address of the API. */
  readonly origin: string;
  readonly now: number;
}

export function Details({ job, origin, now }: DetailsProps) {
  return (
    <section class="card">
      <h2>Details</h2>
      <dl class="facts">
        <dt>Job</dt>
        <dd>
          <code>{job.job_id}</code>
        </dd>
        <dt>Video</dt>
        <dd>{job.filename}</dd>
        <dt>Created</dt>
        <dd data-live="created">
          <Ago time={job.created_at} now={now} />
        </dd>
        <dt>Options</dt>
        <dd>
          {job.options.preset}, {count(job.options.iterations)} steps, {job.options.fps} frames per second
          {job.options.start_sec > 0 || job.options.end_sec !== null
            ? `, from ${job.options.start_sec} s to ${job.options.end_sec ?? "the end"}`
            : ""}
        </dd>
        <dt>Pool</dt>
        <dd>{job.pool}</dd>
        <Kept name="Video" until={job.input_expires_at} removed={job.input_purged_at} pinned={job.pinned} />
        <Kept
          name="Files"
          until={job.results_expire_at}
          removed={job.results_purged_at}
          pinned={job.pinned}
        />
        {Object.keys(job.labels).length > 0 && (
          <>
            <dt>Labels</dt>
            <dd>
              {Object.entries(job.labels)
                .map(([name, value]) => `${name}=${value}`)
                .join(", ")}
            </dd>
          </>
        )}
        {job.retry_of !== null && (
          <>
            <dt>Repeats</dt>
            <dd>
              <a href={`/app/jobs/${job.retry_of}`}>an earlier job</a>
            </dd>
          </>
        )}
      </dl>
      <details>
        <summary>The same job as a curl command</summary>
        <pre data-copy tabindex={0}>
          {curlCommand(job, origin)}
        </pre>
      </details>
    </section>
  );
}

interface KeptProps {
  readonly name: string;
  readonly until: string | null;
  readonly removed: string | null;
  readonly pinned: boolean;
}

/** What retention does to a part of a job. */
function Kept({ name, until, removed, pinned }: KeptProps) {
  if (removed !== null) {
    return (
      <>
        <dt>{name} removed</dt>
        <dd class="number">{removed.slice(0, 10)}, by retention</dd>
      </>
    );
  }
  if (!pinned && until === null) return null;
  return (
    <>
      <dt>{name} kept</dt>
      <dd class="number">{pinned ? "while the job is pinned" : `until ${until?.slice(0, 10)}`}</dd>
    </>
  );
}
