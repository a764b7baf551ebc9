import { isActive, JOB_STATUSES, type JobList, PREVIEW_FILE, THUMBNAIL_FILE } from "@splatt/shared";
import { Ago, EmptyState, StatusBadge } from "./components.tsx";
import { count } from "./format.ts";
import type { Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

const PAGE_SIZE = 50;
const FILTERS = ["status", "task_id", "label", "pool"] as const;

/** The filters of the page's address, as GET /jobs takes them. */
export function jobsQuery(url: string): URLSearchParams {
  const given = new URL(url).searchParams;
  const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
  for (const name of [...FILTERS, "cursor"]) {
    for (const value of given.getAll(name)) if (value !== "") query.append(name, value);
  }
  return query;
}

interface JobsPageProps {
  readonly viewer: Viewer;
  readonly list: JobList;
  readonly query: URLSearchParams;
  readonly now: number;
}

export function JobsPage({ viewer, list, query, now }: JobsPageProps) {
  const filtered = FILTERS.some((name) => query.has(name));
  const next = new URLSearchParams(query);
  if (list.next_cursor !== null) next.set("cursor", list.next_cursor);
  next.delete("limit");
  return (
    <Shell viewer={viewer} section="/app/jobs" title="Jobs" scripts={["jobs"]}>
      <div class="head">
        <h1>Jobs</h1>
        {list.total !== null && <span class="muted number">{count(list.total)}</span>}
        <div class="actions">
          {viewer.may("jobs:write") && (
            <a class="button primary" href="/app/new">
              New job
            </a>
          )}
        </div>
      </div>
      <form class="row" method="get">
        <label>
          Status
          <select name="status">
            <option value="">Any</option>
            {JOB_STATUSES.map((status) => (
              <option value={status} selected={query.get("status") === status}>
                {status}
              </option>
            ))}
          </select>
        </label>
        <label>
          Task id
          <input name="task_id" value={query.get("task_id") ?? ""} data-shortcut="f" />
        </label>
        <label>
          Label
          <input name="label" placeholder="key=value" value={query.get("label") ?? ""} />
        </label>
        <button type="submit">Filter</button>
      </form>
      {list.jobs.length === 0 ? (
        <EmptyState title={filtered ? "No job matches" : "No jobs yet"}>
          {filtered ? <a href="/app/jobs">Show all jobs</a> : <p>Send a video to make the first.</p>}
        </EmptyState>
      ) : (
        <div class="table">
          <table data-keyboard-list>
            <thead>
              <tr>
                <th>
                  <span class="visually-hidden">Picture</span>
                </th>
                <th>Task</th>
                <th>Status</th>
                <th>Progress</th>
                <th>Created</th>
              </tr>
            </thead>
            <tbody>
              {list.jobs.map((job) => (
                <tr>
                  <td>
                    <JobPicture
                      jobId={job.job_id}
                      shown={isActive(job.status) || hasThumbnail(job.results)}
                    />
                  </td>
                  <td class="wrap">
                    <a href={`/app/jobs/${job.job_id}`}>{job.task_id}</a>
                  </td>
                  <td>
                    <StatusBadge status={job.status} />
                  </td>
                  <td class="small muted">
                    {isActive(job.status) && (
                      <progress max={100} value={job.progress} aria-label="Progress" />
                    )}
                    {job.error ?? (isActive(job.status) || job.status === "queued" ? job.message : "")}
                  </td>
                  <td class="small muted number">
                    <Ago time={job.created_at} now={now} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {list.next_cursor !== null && (
        <nav aria-label="Pages">
          <a class="button" href={`/app/jobs?${next}`} rel="next">
            Older jobs
          </a>
        </nav>
      )}
    </Shell>
  );
}

function hasThumbnail(results: JobList["jobs"][number]["results"]): boolean {
  return results !== null && Object.hasOwn(results, THUMBNAIL_FILE);
}

function JobPicture({ jobId, shown }: { readonly jobId: string; readonly shown: boolean }) {
  if (!shown) return <div class="thumbnail" />;
  return <img class="thumbnail" src={`/jobs/${jobId}/results/${PREVIEW_FILE}`} alt="" loading="lazy" />;
}
