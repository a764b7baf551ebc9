import { type Health, isTerminal, type JobEvent, type JobView, LOG_FILE } from "@splatt/shared";
import { StatusBadge } from "./components.tsx";
import { duration } from "./format.ts";
import { Details, FILES_ID, Files } from "./job-details.tsx";
import { FilmCard, NewestPicture, PHOTOS_FILE, Photos, Poster } from "./job-pictures.tsx";
import { CaptureCard, CoverageCard, KeyFigures, QualityCard } from "./job-report.tsx";
import { JobTimeline } from "./job-timeline.tsx";
import type { PageApi, Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";
import { SplatViewer, ViewerHead, viewedSplat } from "./splat-viewer.tsx";

interface JobPageData {
  readonly job: JobView;
  readonly events: readonly JobEvent[];
  /** The GPU boxes that are connected, for a job that waits for one. */
  readonly agents: Health["agents"];
}

export async function loadJob(api: PageApi, id: string): Promise<JobPageData> {
  const [job, { events }] = await Promise.all([
    api.get<JobView>(`/jobs/${id}`),
    api.get<{ events: JobEvent[] }>(`/jobs/${id}/events`),
  ]);
  const { agents } = job.status === "queued" ? await api.get<Health>("/health") : { agents: [] };
  return { job, events, agents };
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
  const { job, events, agents } = data;
  const ended = isTerminal(job.status);
  const readsResults = hasFiles(job) && viewer.may("results:read");
  const splat = readsResults ? viewedSplat(job.results) : null;
  const details = <Details job={job} origin={origin} now={now} />;
  const scripts = ["job", ...(splat === null ? [] : ["viewer"])];
  return (
    <Shell
      viewer={viewer}
      section="/app/jobs"
      title={job.task_id}
      scripts={scripts}
      head={splat === null ? undefined : <ViewerHead splat={splat} />}
    >
      <div
        class="head"
        data-job={job.job_id}
        data-ended={ended ? "" : undefined}
        data-results={readsResults ? `/jobs/${job.job_id}/results` : undefined}
      >
        <h1 class="wrap">{job.task_id}</h1>
        <span data-live="status" role="status">
          <StatusBadge status={job.status} />
        </span>
        <JobActions job={job} viewer={viewer} readsResults={readsResults} />
      </div>

      <div class="notice warn" role="status" data-disconnected hidden>
        <p>The connection is lost. This page tries again every few seconds.</p>
      </div>
      <div data-live="progress">{!ended && <Progress job={job} />}</div>
      <div data-live="waiting">
        {job.status === "queued" && <NoBox job={job} agents={agents} viewer={viewer} />}
      </div>
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
        {!ended && details}
        <section class="card" data-metrics hidden>
          <h2>Training</h2>
          <div class="charts" data-chart />
        </section>
        {job.report?.capture && <CaptureCard job={job} readsResults={readsResults} />}
        {readsResults && <CoverageCard job={job} />}
        {readsResults && <FilmCard job={job} />}
        {job.report?.train && <QualityCard job={job} />}
        {readsResults && job.results !== null && <Files job={job} results={job.results} />}
        {ended && details}
      </div>
      <Log job={job} />
    </Shell>
  );
}

/** Whether the job's results exist: retention may have removed them. */
function hasFiles(job: JobView): boolean {
  return job.results !== null && job.results_purged_at === null;
}

const PIN_EFFECT = "Retention removes nothing of a pinned job.";

interface JobActionsProps {
  readonly job: JobView;
  readonly viewer: Viewer;
  readonly readsResults: boolean;
}

function JobActions({ job, viewer, readsResults }: JobActionsProps) {
  const base = `/app/jobs/${job.job_id}`;
  const writes = viewer.may("jobs:write");
  if (!writes && !readsResults) return null;
  return (
    <div class="actions" data-live="actions">
      {writes && !isTerminal(job.status) && (
        <form method="post" action={`${base}/cancel`}>
          <button type="submit">Cancel</button>
        </form>
      )}
      {writes && isTerminal(job.status) && hasFiles(job) && (
        <a class="button primary" href={`${base}/shares`}>
          Share
        </a>
      )}
      {readsResults && (
        <a class="button" href={`#${FILES_ID}`}>
          Download
        </a>
      )}
      {writes && isTerminal(job.status) && (
        <>
          {job.input_purged_at === null && (
            <a class={job.status === "failed" ? "button primary" : "button"} href={`${base}/retry`}>
              Run again
            </a>
          )}
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
    <section class="card progress">
      <div class="head">
        <strong class="number" data-percent>
          {job.progress} %
        </strong>
        <span class="actions muted number" data-eta>
          {job.eta_seconds === null ? "" : `about ${duration(job.eta_seconds)} left`}
        </span>
      </div>
      <progress max={100} value={job.progress} aria-label="Progress" />
      <p class="muted small wrap" data-message>
        {job.message}
      </p>
    </section>
  );
}

interface NoBoxProps {
  readonly job: JobView;
  readonly agents: Health["agents"];
  readonly viewer: Viewer;
}

/** Why a job that waits would wait for ever, while no box of its pool takes jobs. */
function NoBox({ job, agents, viewer }: NoBoxProps) {
  const boxes = agents.filter(({ pool }) => pool === job.pool);
  if (boxes.some(({ slots }) => slots > 0)) return null;
  return (
    <div class="notice warn" role="status">
      <strong>
        {boxes.length === 0 ? "No GPU box is connected" : "No GPU box takes jobs"} in the pool {job.pool}
      </strong>
      {boxes.map(({ reason }) => (
        <p class="wrap">{reason}</p>
      ))}
      <p>
        The job waits until one does.{" "}
        {viewer.may("agents") && (
          <a href="/app/agents">{boxes.length === 0 ? "Start or add one." : "See the GPU boxes."}</a>
        )}
      </p>
    </div>
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
