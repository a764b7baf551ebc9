import {
  ACTIVE_STATUSES,
  type AlarmView,
  type Health,
  isActive,
  type JobList,
  type JobStatusView,
  THUMBNAIL_FILE,
} from "@splatt/shared";
import { Alarms, gpuState, withoutGpu } from "./agents-page.tsx";
import { Ago, EmptyState, StatusBadge } from "./components.tsx";
import { asUtc, count } from "./format.ts";
import type { PageApi, Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

const PICTURES = 6;
const LISTED = 10;
const DAY_MS = 24 * 3600 * 1000;

interface OverviewJobs {
  readonly running: readonly JobStatusView[];
  readonly waiting: readonly JobStatusView[];
  /** The newest, which may have failed long ago. */
  readonly failed: readonly JobStatusView[];
  readonly completed: readonly JobStatusView[];
}

interface Overview {
  readonly health: Health;
  /** None for a key that may not see agents. */
  readonly alarms: readonly AlarmView[];
  /** Null for a key that may not see jobs. */
  readonly jobs: OverviewJobs | null;
}

export async function loadOverview(api: PageApi, viewer: Viewer): Promise<Overview> {
  const list = async (statuses: readonly string[], limit: number) => {
    const query = new URLSearchParams([
      ...statuses.map((status) => ["status", status]),
      ["limit", `${limit}`],
    ]);
    return (await api.get<JobList>(`/jobs?${query}`)).jobs;
  };
  const [health, { alarms }, jobs] = await Promise.all([
    api.get<Health>("/health"),
    viewer.may("agents")
      ? api.get<{ alarms: readonly AlarmView[] }>("/agents")
      : { alarms: [] as readonly AlarmView[] },
    viewer.may("jobs:read")
      ? Promise.all([
          list(ACTIVE_STATUSES, LISTED),
          list(["queued"], LISTED),
          list(["failed"], LISTED),
          list(["completed"], 2 * PICTURES),
        ])
      : null,
  ]);
  if (jobs === null) return { health, alarms, jobs };
  const [running, waiting, failed, completed] = jobs;
  return { health, alarms, jobs: { running, waiting, failed, completed } };
}

/** Whether the service is well, what runs, what waits and why, and which GPU does what. */
export function OverviewPage({ viewer, data, now }: { viewer: Viewer; data: Overview; now: number }) {
  const { health, alarms, jobs } = data;
  const mayCreate = viewer.may("jobs:write");
  return (
    <Shell viewer={viewer} section="/" title="Overview" scripts={["live"]}>
      <div class="head">
        <h1>Overview</h1>
        <span data-live="state" class={`badge ${health.status === "healthy" ? "ok" : "warn"}`}>
          {health.status === "healthy" ? "Healthy" : "Degraded"}
        </span>
        <div class="actions">
          {mayCreate && (
            <a class="button primary" href="/app/new">
              New job
            </a>
          )}
        </div>
      </div>
      <div class="stack" data-live="overview">
        {(health.degraded ?? []).map(({ component, message }) => (
          <div class="notice warn" role="status">
            <strong>Degraded: {component}</strong>
            <p>{message}</p>
          </div>
        ))}
        <Alarms alarms={alarms} now={now} />
        <Figures health={health} jobs={jobs} now={now} />
        <NoCapacity health={health} viewer={viewer} />
        {jobs !== null && <Jobs jobs={jobs} viewer={viewer} now={now} />}
        {health.agents.length > 0 && <Gpus agents={health.agents} />}
      </div>
    </Shell>
  );
}

interface FiguresProps {
  readonly health: Health;
  readonly jobs: OverviewJobs | null;
  readonly now: number;
}

function Figures({ health, jobs, now }: FiguresProps) {
  const storage = (health.degraded ?? []).find(({ component }) => component === "storage");
  const failures = jobs === null ? 0 : failedLastDay(jobs, now).length;
  return (
    <dl class="figures">
      <Figure name="Running" value={count(health.active_jobs)} />
      <Figure name="Waiting" value={count(health.queued_jobs)} />
      {jobs !== null && (
        <Figure name="Failed in 24 h" value={failures < LISTED ? String(failures) : `${LISTED} or more`} />
      )}
      <Figure name="GPU boxes connected" value={count(health.agents.length)} />
      <Figure name="Storage" value={storage === undefined ? "OK" : storage.state.replaceAll("_", " ")} />
    </dl>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Why jobs only wait, while they do. */
function NoCapacity({ health: { agents }, viewer }: { readonly health: Health; readonly viewer: Viewer }) {
  if (agents.some(({ slots }) => slots > 0)) return null;
  return (
    <div class="notice warn" role="status">
      <strong>{agents.length === 0 ? "No GPU box is connected" : "No GPU box takes jobs"}</strong>
      {agents.map(({ reason }) => (
        <p class="wrap">{reason}</p>
      ))}
      <p>
        Jobs wait until one does.{" "}
        {viewer.may("agents") && (
          <a href="/app/agents">{agents.length === 0 ? "Start or add one." : "See the GPU boxes."}</a>
        )}
      </p>
    </div>
  );
}

interface JobsProps {
  readonly jobs: OverviewJobs;
  readonly viewer: Viewer;
  readonly now: number;
}

function Jobs({ jobs, viewer, now }: JobsProps) {
  const { running, waiting, failed, completed } = jobs;
  if ([running, waiting, failed, completed].every((list) => list.length === 0)) {
    return (
      <EmptyState title="No jobs yet">
        <p>Send a video of something that you walk around once, slowly.</p>
        {viewer.may("jobs:write") && (
          <a class="button primary" href="/app/new">
            Send a video
          </a>
        )}
      </EmptyState>
    );
  }
  return (
    <>
      <JobSection title="Running" jobs={running} filter="" now={now} />
      <JobSection title="Waiting" jobs={waiting} filter="?status=queued" now={now} />
      <JobSection
        title="Failed in the last 24 hours"
        jobs={failedLastDay(jobs, now)}
        filter="?status=failed"
        now={now}
      />
      {viewer.may("results:read") && <Gallery jobs={completed} now={now} />}
    </>
  );
}

function failedLastDay({ failed }: OverviewJobs, now: number): JobStatusView[] {
  return failed.filter(({ updated_at }) => now - Date.parse(asUtc(updated_at)) < DAY_MS);
}

interface JobSectionProps {
  readonly title: string;
  readonly jobs: readonly JobStatusView[];
  /** The query of the page that lists all of them. */
  readonly filter: string;
  readonly now: number;
}

function JobSection({ title, jobs, filter, now }: JobSectionProps) {
  if (jobs.length === 0) return null;
  return (
    <section class="card">
      <div class="head">
        <h2>{title}</h2>
        {filter !== "" && (
          <div class="actions">
            <a href={`/app/jobs${filter}`}>
              All<span class="visually-hidden"> of: {title}</span>
            </a>
          </div>
        )}
      </div>
      <ul class="joblist">
        {jobs.map((job) => (
          <JobLine job={job} now={now} />
        ))}
      </ul>
    </section>
  );
}

function JobLine({ job, now }: { readonly job: JobStatusView; readonly now: number }) {
  return (
    <li>
      <a href={`/app/jobs/${job.job_id}`}>
        <span class="name">{job.task_id}</span>
        <StatusBadge status={job.status} />
        <span class="muted small message">{job.error ?? job.message}</span>
        <span class="muted small">
          <Ago time={job.created_at} now={now} />
        </span>
        {isActive(job.status) && <progress max={100} value={job.progress} aria-label="Progress" />}
      </a>
    </li>
  );
}

/** The newest splats, as pictures. */
function Gallery({ jobs, now }: { readonly jobs: readonly JobStatusView[]; readonly now: number }) {
  const shown = jobs.filter(({ results }) => results !== null && Object.hasOwn(results, THUMBNAIL_FILE));
  if (shown.length === 0) return null;
  return (
    <section class="stack">
      <div class="head">
        <h2>Newest splats</h2>
        <div class="actions">
          <a href="/app/jobs">All jobs</a>
        </div>
      </div>
      <div class="gallery">
        {shown.slice(0, PICTURES).map((job) => (
          <a href={`/app/jobs/${job.job_id}`}>
            <img src={`/jobs/${job.job_id}/results/${THUMBNAIL_FILE}?download=0`} alt="" />
            <span class="name">{job.task_id}</span>
            <span class="small">
              <Ago time={job.updated_at} now={now} />
            </span>
          </a>
        ))}
      </div>
    </section>
  );
}

function Gpus({ agents }: { readonly agents: Health["agents"] }) {
  return (
    <section class="card">
      <h2>GPUs</h2>
      <div class="cards">
        {agents.map(({ pool, engine, slots, reason, gpus }) => (
          <dl class="facts">
            {gpus.length === 0 && (
              <>
                <dt>GPU</dt>
                <dd>{withoutGpu(engine)}</dd>
              </>
            )}
            {gpus.map((gpu) => (
              <>
                <dt>{gpu.name}</dt>
                <dd class="number">{gpuState(gpu)}</dd>
              </>
            ))}
            <dt>Engine</dt>
            <dd>{engine ?? "none"}</dd>
            <dt>Pool</dt>
            <dd>{pool}</dd>
            <dt>Jobs at once</dt>
            <dd>
              {slots}
              {slots === 0 && <div class="muted small">{reason}</div>}
            </dd>
          </dl>
        ))}
      </div>
    </section>
  );
}
