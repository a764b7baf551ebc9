import {
  isActive,
  isTerminal,
  type JobEvent,
  type JobView,
  LOG_FILE,
  PREVIEW_FILE,
  type ResultEntry,
} from "@splatt/shared";
import { Ago, StatusBadge } from "./components.tsx";
import { curlCommand } from "./curl-command.ts";
import { bytes, count, duration } from "./format.ts";
import { JobTimeline } from "./job-timeline.tsx";
import type { PageApi, Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";
import { posterOf, SplatViewer, ViewerStyles, viewedSplat } from "./splat-viewer.tsx";

interface JobPageData {
  readonly job: JobView;
  readonly events: readonly JobEvent[];
}

export async function loadJob(api: PageApi, id: string): Promise<JobPageData> {
  const [job, { events }] = await Promise.all([
    api.get<JobView>(`/jobs/${id}`),
    api.get<{ events: JobEvent[] }>(`/jobs/${id}/events`),
  ]);
  return { job, events };
}

interface JobPageProps {
  readonly viewer: Viewer;
  readonly data: JobPageData;
  /** The address of the API. */
  readonly origin: string;
  readonly now: number;
}

/** The whole story of a job. client/job.ts keeps it live. */
export function JobPage({ viewer, data, origin, now }: JobPageProps) {
  const { job, events } = data;
  const ended = isTerminal(job.status);
  const readsResults = job.results !== null && viewer.may("results:read");
  const splat = readsResults ? viewedSplat(job.results) : null;
  const scripts = ["job", ...(splat === null ? [] : ["viewer"])];
  return (
    <Shell
      viewer={viewer}
      section="/app/jobs"
      title={job.task_id}
      scripts={scripts}
      head={splat === null ? undefined : <ViewerStyles />}
    >
      <div
        class="head"
        data-job={job.job_id}
        data-ended={ended ? "" : undefined}
        data-results={readsResults ? `/jobs/${job.job_id}/results` : undefined}
      >
        <h1 class="wrap">{job.task_id}</h1>
        <span data-live="status">
          <StatusBadge status={job.status} />
        </span>
        <JobActions job={job} viewer={viewer} />
      </div>

      <div class="notice warn" role="status" data-disconnected hidden>
        <p>The connection is lost. This page tries again every few seconds.</p>
      </div>
      <div data-live="progress">{!ended && <Progress job={job} />}</div>
      <div data-live="failure">{job.error !== null && <Failure job={job} />}</div>

      {!ended && <NewestPicture job={job} />}
      {splat !== null ? <SplatViewer splat={splat} /> : readsResults && <Poster job={job} />}

      {job.status === "completed" && <KeyFigures job={job} />}
      {readsResults && Object.hasOwn(job.results ?? {}, PHOTOS_FILE) && <Photos job={job} />}

      <div class="cards columns">
        <section class="card">
          <h2>Timeline</h2>
          <div data-live="timeline">
            <JobTimeline job={job} events={events} now={now} />
          </div>
        </section>
        <section class="card" data-metrics hidden>
          <h2>Training</h2>
          <div class="charts" data-chart />
        </section>
        {job.report?.capture && <CaptureCard job={job} readsResults={readsResults} />}
        {job.report?.train && <QualityCard job={job} />}
        {readsResults && job.results !== null && <Files job={job} results={job.results} />}
        <Details job={job} origin={origin} now={now} />
      </div>
      <Log job={job} />
    </Shell>
  );
}

/** Filled by client/job.ts. Without scripts, the sheet itself is shown. */
function Photos({ job }: { readonly job: JobView }) {
  return (
    <>
      <section class="card" data-held-out hidden>
        <div class="head">
          <h2>Truth beside the splat</h2>
          <label class="check actions">
            <input type="checkbox" data-difference />
            Show the difference
          </label>
        </div>
        <p class="muted small">
          Photos that training never saw, and the splat from the same cameras. Move the line to compare.
        </p>
        <div class="pairs" data-pairs />
      </section>
      <section class="card" data-contact-sheet hidden>
        <h2>Frames</h2>
        <p class="muted small">
          Taken from the video, in order. Crossed out: COLMAP could not tell where the camera was.
        </p>
        <ol class="contact-sheet" data-frames />
      </section>
      <noscript>
        <section class="card">
          <h2>Truth and splat</h2>
          <p class="muted small">
            Photos that training never saw on the left, the splat from the same cameras on the right, and the
            frames of the capture.
          </p>
          <img src={`/jobs/${job.job_id}/results/${PHOTOS_FILE}?download=0`} alt="Photos and renderings" />
        </section>
      </noscript>
    </>
  );
}

const PHOTOS_FILE = "photos.webp";
const PIN_EFFECT = "Retention removes nothing of a pinned job.";

function JobActions({ job, viewer }: { readonly job: JobView; readonly viewer: Viewer }) {
  const base = `/app/jobs/${job.job_id}`;
  if (!viewer.may("jobs:write")) return null;
  return (
    <div class="actions" data-live="actions">
      {!isTerminal(job.status) && (
        <form method="post" action={`${base}/cancel`}>
          <button type="submit">Cancel</button>
        </form>
      )}
      {isTerminal(job.status) && (
        <>
          {job.status === "completed" && (
            <a class="button primary" href={`${base}/shares`}>
              Share
            </a>
          )}
          <a class="button" href={`${base}/retry`}>
            Run again
          </a>
          <form method="post" action={`${base}/${job.pinned ? "unpin" : "pin"}`}>
            <button type="submit" title={PIN_EFFECT}>
              {job.pinned ? "Unpin" : "Pin"}
            </button>
          </form>
          <a class="button danger" href={`${base}/delete`}>
            Delete
          </a>
        </>
      )}
    </div>
  );
}

function Progress({ job }: { readonly job: JobView }) {
  return (
    <section class="card">
      <div class="head">
        <strong class="number" data-percent>
          {job.progress} %
        </strong>
        <span class="muted wrap" data-message>
          {job.message}
        </span>
        <span class="actions muted number" data-eta>
          {job.eta_seconds === null ? "" : `about ${duration(job.eta_seconds)} left`}
        </span>
      </div>
      <progress max={100} value={job.progress} aria-label="Progress" />
    </section>
  );
}

function Failure({ job }: { readonly job: JobView }) {
  return (
    <div class="notice bad" role="alert">
      <strong>{job.error}</strong>
      {job.error_hint !== null && <p>{job.error_hint}</p>}
      <p class="muted small">
        <code>{job.error_code}</code>
      </p>
    </div>
  );
}

function NewestPicture({ job }: { readonly job: JobView }) {
  return (
    <figure
      class="stage"
      data-preview={`/jobs/${job.job_id}/results/${PREVIEW_FILE}`}
      hidden={!isActive(job.status)}
    >
      <figcaption class="muted">The first picture of the splat appears when training begins.</figcaption>
    </figure>
  );
}

/** Of a completed job without a file that the viewer can show. */
function Poster({ job }: { readonly job: JobView }) {
  const poster = posterOf(job.results);
  if (poster === null) return null;
  return (
    <figure class="stage">
      <img class="poster" src={poster} alt="The splat, from a camera of the capture" />
      <figcaption class="stage-note">
        This job has no file that the viewer can show. Its files are below.
      </figcaption>
    </figure>
  );
}

/** The end of the log. client/job.ts fills it where it is not part of the job's status. */
function Log({ job }: { readonly job: JobView }) {
  const isStored = job.results !== null && Object.hasOwn(job.results, LOG_FILE);
  const from = isStored ? "stored" : isTerminal(job.status) ? "tail" : "live";
  return (
    <section class="card">
      <div class="head">
        <h2>Log</h2>
        <div class="actions">
          {isStored && <a href={`/jobs/${job.job_id}/results/${LOG_FILE}`}>Download all of it</a>}
        </div>
      </div>
      <pre class="log" data-log={from} tabindex={0}>
        {(job.log_tail ?? []).join("\n")}
      </pre>
    </section>
  );
}

/** A completed job at a glance. */
function KeyFigures({ job }: { readonly job: JobView }) {
  const { train, capture } = job.report ?? {};
  const took =
    job.started_at === null || job.ended_at === null
      ? null
      : (Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000;
  const figures: readonly (readonly [name: string, value: string | null])[] = [
    ["Gaussians", train ? count(train.gaussians) : null],
    ["Held-out PSNR", train?.psnr ? `${train.psnr.toFixed(1)} dB` : null],
    ["Frames placed", capture ? `${capture.registered} of ${capture.frames}` : null],
    ["Took", took === null ? null : duration(took)],
  ];
  const known = figures.filter(([, value]) => value !== null);
  if (known.length === 0) return null;
  return (
    <dl class="figures">
      {known.map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function CaptureCard({ job, readsResults }: { readonly job: JobView; readonly readsResults: boolean }) {
  const capture = job.report?.capture;
  if (!capture) return null;
  const kind = { good: "ok", weak: "warn", unusable: "bad" }[capture.verdict];
  return (
    <section class="card">
      <div class="head">
        <h2>The capture</h2>
        <span class={`badge ${kind}`}>{capture.verdict}</span>
      </div>
      <p>{capture.advice}</p>
      <dl class="facts">
        <dt>Frames with a camera</dt>
        <dd class="number">
          {capture.registered} of {capture.frames}
        </dd>
        <dt>3D points</dt>
        <dd class="number">{count(capture.points)}</dd>
        {capture.mean_reprojection_error !== null && (
          <>
            <dt>Reprojection error</dt>
            <dd class="number">{capture.mean_reprojection_error.toFixed(2)} px</dd>
          </>
        )}
      </dl>
      {readsResults && (
        <div class="camera-path" data-camera-path={`/jobs/${job.job_id}/results/transforms.json`} />
      )}
    </section>
  );
}

function QualityCard({ job }: { readonly job: JobView }) {
  const train = job.report?.train;
  if (!train) return null;
  return (
    <section class="card">
      <h2>The splat</h2>
      {train.psnr_doubt !== undefined && (
        <div class="notice warn">
          <strong>This PSNR cannot be true</strong>
          <p>{train.psnr_doubt}</p>
        </div>
      )}
      {(train.warnings ?? []).map((warning) => (
        <div class="notice warn">
          <p>{warning}</p>
        </div>
      ))}
      <p class="muted small">
        {train.held_out_frames > 0
          ? `Measured on ${train.held_out_frames} frames that training never saw.`
          : "There were too few frames to keep some for measuring."}{" "}
        {train.note}
      </p>
      <dl class="facts">
        <dt>Engine</dt>
        <dd>{[job.report?.engine?.name, job.report?.engine?.version].filter(Boolean).join(" ")}</dd>
        <dt>Steps</dt>
        <dd class="number">{count(train.iterations)}</dd>
        <dt>Training images</dt>
        <dd class="number">
          {train.width} × {train.height}
        </dd>
      </dl>
    </section>
  );
}

function Files({ job, results }: { readonly job: JobView; readonly results: Record<string, ResultEntry> }) {
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

function Details({ job, origin, now }: Pick<JobPageProps, "origin" | "now"> & { readonly job: JobView }) {
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
        <dd>
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
