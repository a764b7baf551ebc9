import {
  isActive,
  JOB_STATUSES,
  type JobList,
  type JobStatusView,
  PREVIEW_FILE,
  type Problem,
  THUMBNAIL_FILE,
} from "@splatt/shared";
import { Ago, EmptyState, ProblemNotice, STATUS_NAMES, StatusBadge } from "./components.tsx";
import { count } from "./format.ts";
import { type PageApi, PageProblem, type Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

const PAGE_SIZE = 50;
/** The filters of GET /jobs, which the page's address has too. */
const FILTERS = ["status", "task_id", "label", "pool", "created_after", "created_before"] as const;
type Filter = (typeof FILTERS)[number];

export interface JobsData {
  /** The filters and the cursor of the page's address. */
  readonly query: URLSearchParams;
  /** What GET /jobs answered, or why it refused the filters. */
  readonly list: JobList | Problem;
}

/** @param url the page's address */
export async function loadJobs(api: PageApi, url: string): Promise<JobsData> {
  const given = new URL(url).searchParams;
  const query = new URLSearchParams();
  for (const name of [...FILTERS, "cursor"]) {
    for (const value of given.getAll(name)) if (value.trim() !== "") query.append(name, value.trim());
  }
  try {
    return { query, list: await api.get<JobList>(`/jobs?${query}&limit=${PAGE_SIZE}`) };
  } catch (error) {
    if (error instanceof PageProblem && error.problem.status === 422) return { query, list: error.problem };
    throw error;
  }
}

interface JobsPageProps {
  readonly viewer: Viewer;
  readonly data: JobsData;
  readonly now: number;
}

export function JobsPage({ viewer, data: { query, list }, now }: JobsPageProps) {
  return (
    <Shell viewer={viewer} section="/app/jobs" title="Jobs" scripts={["jobs"]}>
      <div class="head">
        <h1>Jobs</h1>
        {"jobs" in list && list.total !== null && <span class="muted number">{count(list.total)}</span>}
        <div class="actions">
          <button class="quiet" type="button" data-show-shortcuts hidden>
            Shortcuts <kbd>?</kbd>
          </button>
          {viewer.may("jobs:write") && (
            <a class="button primary" href="/app/new">
              New job
            </a>
          )}
        </div>
      </div>
      <Filters query={query} />
      {"jobs" in list ? (
        <Jobs viewer={viewer} list={list} query={query} now={now} />
      ) : (
        <ProblemNotice problem={list} />
      )}
      <Shortcuts />
    </Shell>
  );
}

function Filters({ query }: { readonly query: URLSearchParams }) {
  const value = (name: Filter) => query.get(name) ?? "";
  const statuses = query.getAll("status");
  const isFiltered = FILTERS.some((name) => query.has(name));
  const hasMore = ["pool", "created_after", "created_before"].some((name) => query.has(name));
  return (
    <form class="filters" method="get" aria-label="Filters">
      <div class="row">
        <label>
          Status
          <select name="status">
            <option value="">Any</option>
            {JOB_STATUSES.map((status) => (
              <option value={status} selected={statuses[0] === status}>
                {STATUS_NAMES[status]}
              </option>
            ))}
          </select>
        </label>
        <label>
          Name
          <input name="task_id" value={value("task_id")} placeholder="exact name" data-shortcut="f" />
        </label>
        {[...query.getAll("label"), ""].map((label) => (
          <label>
            Label
            <input name="label" placeholder="key=value" value={label} />
          </label>
        ))}
        <button type="submit">Filter</button>
        {isFiltered && (
          <a class="button" href="/app/jobs">
            Clear
          </a>
        )}
      </div>
      {statuses.slice(1).map((status) => (
        <input type="hidden" name="status" value={status} />
      ))}
      <details open={hasMore}>
        <summary>More filters</summary>
        <div class="row">
          <label>
            Pool
            <input name="pool" value={value("pool")} />
          </label>
          <label>
            Created from (UTC)
            <input name="created_after" type="datetime-local" value={localTime(value("created_after"))} />
          </label>
          <label>
            Created before (UTC)
            <input name="created_before" type="datetime-local" value={localTime(value("created_before"))} />
          </label>
        </div>
      </details>
    </form>
  );
}

/** A time of the address as a datetime-local field takes it: in UTC. */
function localTime(text: string): string {
  const time = new Date(/(?:Z|[+-]\d\d:?\d\d)$/i.test(text) || !text.includes("T") ? text : `${text}Z`);
  return Number.isNaN(time.getTime()) ? "" : time.toISOString().slice(0, 16);
}

interface JobsProps {
  readonly viewer: Viewer;
  readonly list: JobList;
  readonly query: URLSearchParams;
  readonly now: number;
}

function Jobs({ viewer, list, query, now }: JobsProps) {
  const older = new URLSearchParams(query);
  if (list.next_cursor !== null) older.set("cursor", list.next_cursor);
  const newest = new URLSearchParams(query);
  newest.delete("cursor");
  return (
    <>
      <div data-live="jobs">
        {list.jobs.length === 0 ? (
          <NoJobs viewer={viewer} isFiltered={query.size > 0} />
        ) : (
          <div class="table">
            <table class="jobs" data-keyboard-list>
              <thead>
                <tr>
                  {viewer.may("results:read") && (
                    <th>
                      <span class="visually-hidden">Picture</span>
                    </th>
                  )}
                  <th>Name</th>
                  <th>Status</th>
                  <th>Progress</th>
                  <th>Created</th>
                </tr>
              </thead>
              <tbody>
                {list.jobs.map((job) => (
                  <JobRow job={job} hasPicture={viewer.may("results:read")} now={now} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
      {(list.next_cursor !== null || query.has("cursor")) && (
        <nav class="head" aria-label="Pages">
          {query.has("cursor") && (
            <a class="button" href={`/app/jobs?${newest}`}>
              Newest jobs
            </a>
          )}
          {list.next_cursor !== null && (
            <a class="button" href={`/app/jobs?${older}`} rel="next">
              Older jobs
            </a>
          )}
        </nav>
      )}
    </>
  );
}

function NoJobs({ viewer, isFiltered }: { readonly viewer: Viewer; readonly isFiltered: boolean }) {
  if (isFiltered) {
    return (
      <EmptyState title="No job matches">
        <a href="/app/jobs">Show all jobs</a>
      </EmptyState>
    );
  }
  return (
    <EmptyState title="No jobs yet">
      {viewer.may("jobs:write") ? (
        <a class="button primary" href="/app/new">
          Send a video
        </a>
      ) : (
        <p>Nothing was sent.</p>
      )}
    </EmptyState>
  );
}

interface JobRowProps {
  readonly job: JobStatusView;
  readonly hasPicture: boolean;
  readonly now: number;
}

function JobRow({ job, hasPicture, now }: JobRowProps) {
  const isRunning = isActive(job.status);
  const isEnded = job.status === "completed" || job.status === "cancelled";
  return (
    <tr>
      {hasPicture && (
        <td>
          <div class="thumbnail">
            <JobPicture job={job} />
          </div>
        </td>
      )}
      <td class="name wrap">
        <a href={`/app/jobs/${job.job_id}`}>{job.task_id}</a>
        <Labels labels={job.labels} />
      </td>
      <td>
        <StatusBadge status={job.status} />
      </td>
      <td class="small muted wrap">
        {isRunning && <progress max={100} value={job.progress} aria-label={`Progress of ${job.task_id}`} />}
        {job.error ?? (isEnded ? "" : job.message)}
      </td>
      <td class="small muted number">
        <Ago time={job.created_at} now={now} />
      </td>
    </tr>
  );
}

/** Each label leads to the jobs that have it. */
function Labels({ labels }: { readonly labels: JobStatusView["labels"] }) {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  if (pairs.length === 0) return null;
  return (
    <div class="labels">
      {pairs.map((pair) => (
        <a class="label" href={`/app/jobs?${new URLSearchParams({ label: pair })}`}>
          {pair}
        </a>
      ))}
    </div>
  );
}

/** The thumbnail, or the newest preview while one can exist; none shows as an empty frame. */
function JobPicture({ job: { job_id, status, results } }: { readonly job: JobStatusView }) {
  const file =
    results !== null && Object.hasOwn(results, THUMBNAIL_FILE)
      ? `${THUMBNAIL_FILE}?download=0`
      : status === "training" || status === "exporting"
        ? PREVIEW_FILE
        : null;
  return file === null ? null : <img src={`/jobs/${job_id}/results/${file}`} alt="" loading="lazy" />;
}

function Shortcuts() {
  return (
    <dialog data-shortcuts aria-label="Keyboard shortcuts">
      <h2>Keyboard shortcuts</h2>
      <dl class="facts">
        <dt>
          <kbd>f</kbd>
        </dt>
        <dd>go to the filter</dd>
        <dt>
          <kbd>j</kbd> <kbd>k</kbd>
        </dt>
        <dd>next and previous job</dd>
        <dt>
          <kbd>Enter</kbd>
        </dt>
        <dd>open the job</dd>
        <dt>
          <kbd>?</kbd>
        </dt>
        <dd>show this</dd>
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
