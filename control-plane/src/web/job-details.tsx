import {
  COVERAGE_FILE,
  FLY_THROUGH_FILE,
  isLodFile,
  type JobView,
  LOD_META_FILE,
  LOG_FILE,
  type ResultEntry,
} from "@splatt/shared";
import { Ago } from "./components.tsx";
import { curlCommand } from "./curl-command.ts";
import { bytes, count } from "./format.ts";

/** What somebody needs a result file for; docs/result-files.md says more. */
const PURPOSES: Readonly<Record<string, string>> = {
  "baked_splat_sh.ply": "The whole splat, for editors and engines",
  "baked_splat.ply": "The splat with plain colours",
  "baked_splat.sog": "For web viewers, as SuperSplat's",
  [LOD_META_FILE]: "For web viewers, which load what is in view",
  "baked_splat.spz": "For web viewers and phones",
  "transforms.json": "The cameras, as nerfstudio reads them",
  "thumbnail.webp": "A picture of the splat",
  [FLY_THROUGH_FILE]: "A film of the splat",
  "photos.webp": "Held-out photos beside the splat, and the frames",
  [COVERAGE_FILE]: "What the cameras saw well",
  "metrics.json": "Quality, stage times and curves",
  [LOG_FILE]: "What the tools printed",
};

/** Of their card, as the target of links. */
export const FILES_ID = "files";

export function Files({
  job,
  results,
}: {
  readonly job: JobView;
  readonly results: Record<string, ResultEntry>;
}) {
  // The parts of a streamed set are of use to its viewer only.
  const isPart = (name: string) => isLodFile(name) && name !== LOD_META_FILE;
  const files = Object.entries(results).filter(([name]) => !isPart(name));
  const parts = Object.entries(results).filter(([name]) => isPart(name));
  return (
    <section class="card" id={FILES_ID}>
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
            {files.map(([name, file]) => (
              <tr>
                <td class="wrap">
                  <a href={file.url}>{name}</a>
                  {Object.hasOwn(PURPOSES, name) && <div class="hint">{PURPOSES[name]}</div>}
                </td>
                <td class="number">{bytes(file.size)}</td>
                <td class="wide-only">
                  <code title={file.sha256}>{file.sha256.slice(0, 12)}…</code>
                </td>
              </tr>
            ))}
            {parts.length > 0 && (
              <tr>
                <td>
                  {count(parts.length)} parts of {LOD_META_FILE}
                </td>
                <td class="number">{bytes(parts.reduce((sum, [, { size }]) => sum + size, 0))}</td>
                <td class="wide-only" />
              </tr>
            )}
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
      {job.input_purged_at === null && (
        <details>
          <summary>The same job as a curl command</summary>
          <pre data-copy tabindex={0}>
            {curlCommand(job, origin)}
          </pre>
        </details>
      )}
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
