import {
  isActive,
  isTerminal,
  type JobEvent,
  type JobView,
  PREVIEW_FILE,
  type ResultEntry,
} from "@splatt/shared";
import { Ago, StatusBadge } from "./components.tsx";
import { bytes, count, duration } from "./format.ts";
import { JobTimeline } from "./job-timeline.tsx";
import type { PageApi, Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";
import { SplatViewer, ViewerStyles, viewedSplat } from "./splat-viewer.tsx";

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

/** The whole story of a job. client/job.ts keeps it live. */
export function JobPage({ viewer, data, now }: { viewer: Viewer; data: JobPageData; now: number }) {
  const { job, events } = data;
  const ended = isTerminal(job.status);
  const splat = viewedSplat(job.results);
  const scripts = ["job", ...(splat === null ? [] : ["viewer"])];
  return (
    <Shell
      viewer={viewer}
      section="/app/jobs"
      title={job.task_id}
      scripts={scripts}
      head={splat === null ? undefined : <ViewerStyles />}
    >
      <div class="head" data-job={job.job_id} data-ended={ended ? "" : undefined}>
        <h1 class="wrap">{job.task_id}</h1>
        <span data-live="status">
          <StatusBadge status={job.status} />
        </span>
        <JobActions job={job} viewer={viewer} />
      </div>

      <div data-live="progress">{!ended && <Progress job={job} />}</div>
      <div data-live="failure">{job.error !== null && <Failure job={job} />}</div>

      {splat !== null ? <SplatViewer splat={splat} /> : isActive(job.status) && <NewestPicture job={job} />}

      <div class="cards wide">
        <section class="card">
          <h2>Timeline</h2>
          <div data-live="timeline">
            <JobTimeline job={job} events={events} now={now} />
          </div>
        </section>
        {!ended && (
          <section class="card" data-metrics hidden>
            <h2>Training</h2>
            <div data-chart />
          </section>
        )}
        {job.report?.capture && <CaptureCard job={job} />}
        {job.report?.train && <QualityCard job={job} />}
        {job.results !== null && Object.hasOwn(job.results, "held_out.webp") && (
          <section class="card">
            <h2>Truth and splat</h2>
            <p class="muted small">Photos that training never saw, and the splat from the same cameras.</p>
            <div data-held-out={`/jobs/${job.job_id}/results`} />
          </section>
        )}
        {job.results !== null && viewer.may("results:read") && <Files job={job} results={job.results} />}
        <Details job={job} now={now} />
      </div>

      <section class="card" data-log-card>
        <div class="head">
          <h2>Log</h2>
          <div class="actions">
            {job.results !== null && Object.hasOwn(job.results, "pipeline.log") && (
              <a href={`/jobs/${job.job_id}/results/pipeline.log`}>Download all of it</a>
            )}
          </div>
        </div>
        <pre class="log" data-log tabindex={0}>
          {(job.log_tail ?? []).join("\n")}
        </pre>
      </section>
    </Shell>
  );
}

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
          <form method="post" action={`${base}/retry`}>
            <button type="submit">Run again</button>
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
    <figure class="stage" data-preview={`/jobs/${job.job_id}/results/${PREVIEW_FILE}`}>
      <figcaption class="muted">The first picture of the splat appears when training begins.</figcaption>
    </figure>
  );
}

function CaptureCard({ job }: { readonly job: JobView }) {
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
      {job.status === "completed" && (
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
      <dl class="figures">
        {train.psnr !== null && (
          <div>
            <dt>Held-out PSNR</dt>
            <dd>{train.psnr.toFixed(1)} dB</dd>
          </div>
        )}
        <div>
          <dt>Gaussians</dt>
          <dd>{count(train.gaussians)}</dd>
        </div>
      </dl>
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
              <th>SHA-256</th>
            </tr>
          </thead>
          <tbody>
            {Object.entries(results).map(([name, file]) => (
              <tr>
                <td class="wrap">
                  <a href={file.url}>{name}</a>
                </td>
                <td class="number">{bytes(file.size)}</td>
                <td>
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

function Details({ job, now }: { readonly job: JobView; readonly now: number }) {
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
        {job.retry_of !== null && (
          <>
            <dt>Repeats</dt>
            <dd>
              <a href={`/app/jobs/${job.retry_of}`}>an earlier job</a>
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}
