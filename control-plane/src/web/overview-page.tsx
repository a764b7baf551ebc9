import { type Health, isActive, type JobList, type JobStatusView, THUMBNAIL_FILE } from "@splatt/shared";
import { Ago, EmptyState, StatusBadge } from "./components.tsx";
import { bytes, count } from "./format.ts";
import type { PageApi, Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

const PICTURES = 6;
const LISTED = 10;

interface Overview {
  readonly health: Health;
  readonly recent: JobList;
  readonly failed: JobList;
}

export async function loadOverview(api: PageApi): Promise<Overview> {
  const [health, recent, failed] = await Promise.all([
    api.get<Health>("/health"),
    api.get<JobList>("/jobs?limit=24"),
    api.get<JobList>("/jobs?status=failed&limit=5"),
  ]);
  return { health, recent, failed };
}

/** Whether the service is well, what runs, what waits and why, and which GPU does what. */
export function OverviewPage({ viewer, data, now }: { viewer: Viewer; data: Overview; now: number }) {
  const { health, recent, failed } = data;
  const lastDay = failed.jobs.filter((job) => now - Date.parse(`${job.updated_at}Z`) < 24 * 3600 * 1000);
  const slots = health.agents.reduce((sum, agent) => sum + agent.slots, 0);
  return (
    <Shell viewer={viewer} section="/" title="Overview" scripts={["overview"]}>
      <div class="head">
        <h1>Overview</h1>
        <span class={`badge ${health.status === "healthy" ? "ok" : "warn"}`}>
          {health.status === "healthy" ? "All systems work" : "Degraded"}
        </span>
        <div class="actions">
          {viewer.may("jobs:write") && (
            <a class="button primary" href="/app/new">
              New job
            </a>
          )}
        </div>
      </div>
      {(health.degraded ?? []).map(({ component, message }) => (
        <div class="notice warn" role="status">
          <strong>{component}</strong>
          <p>{message}</p>
        </div>
      ))}
      <dl class="figures">
        <Figure name="Running" value={count(health.active_jobs)} />
        <Figure name="Waiting" value={count(health.queued_jobs)} />
        <Figure name="GPU boxes connected" value={count(health.agents.length)} />
        <Figure name="Slots" value={count(slots)} />
        <Figure name="Failed in a day" value={lastDay.length < 5 ? String(lastDay.length) : "5 or more"} />
      </dl>
      {health.agents.length === 0 && (
        <div class="notice warn" role="status">
          <strong>No GPU box is connected</strong>
          <p>
            Jobs wait until one connects.{" "}
            {viewer.may("agents") && <a href="/app/agents">Add a GPU box with one line.</a>}
          </p>
        </div>
      )}
      <Gallery jobs={recent.jobs} now={now} />
      <section class="card">
        <div class="head">
          <h2>Latest jobs</h2>
          <div class="actions">
            <a href="/app/jobs">All jobs</a>
          </div>
        </div>
        {recent.jobs.length === 0 ? (
          <EmptyState title="No jobs yet">
            <p>Send a video of something that you walk around once, slowly.</p>
            {viewer.may("jobs:write") && (
              <a class="button primary" href="/app/new">
                Send a video
              </a>
            )}
          </EmptyState>
        ) : (
          <ul class="joblist">
            {recent.jobs.slice(0, LISTED).map((job) => (
              <JobLine job={job} now={now} />
            ))}
          </ul>
        )}
      </section>
      {health.agents.length > 0 && (
        <section class="card">
          <h2>GPUs</h2>
          <div class="cards">
            {health.agents.flatMap((agent) =>
              agent.gpus.map((gpu) => (
                <dl class="facts">
                  <dt>GPU</dt>
                  <dd>{gpu.name}</dd>
                  <dt>Memory</dt>
                  <dd>
                    {gpu.memory_free === null ? "" : `${bytes(gpu.memory_free)} free of `}
                    {bytes(gpu.memory_total)}
                  </dd>
                  <dt>Engine</dt>
                  <dd>{agent.engine ?? "none"}</dd>
                </dl>
              )),
            )}
            {health.agents
              .filter((agent) => agent.gpus.length === 0)
              .map((agent) => (
                <dl class="facts">
                  <dt>GPU</dt>
                  <dd>none: trains on the processor</dd>
                  <dt>Engine</dt>
                  <dd>{agent.engine ?? "none"}</dd>
                  <dt>Why</dt>
                  <dd>{agent.reason}</dd>
                </dl>
              ))}
          </div>
        </section>
      )}
    </Shell>
  );
}

/** The newest splats, as pictures. */
function Gallery({ jobs, now }: { readonly jobs: readonly JobStatusView[]; readonly now: number }) {
  const shown = jobs.filter(({ results }) => results !== null && Object.hasOwn(results, THUMBNAIL_FILE));
  if (shown.length === 0) return null;
  return (
    <section class="gallery" aria-label="Newest splats">
      {shown.slice(0, PICTURES).map((job) => (
        <a href={`/app/jobs/${job.job_id}`}>
          <img src={`/jobs/${job.job_id}/results/${THUMBNAIL_FILE}?download=0`} alt="" />
          <span class="name">{job.task_id}</span>
          <span class="small">
            <Ago time={job.updated_at} now={now} />
          </span>
        </a>
      ))}
    </section>
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

function JobLine({ job, now }: { readonly job: JobStatusView; readonly now: number }) {
  return (
    <li>
      <a href={`/app/jobs/${job.job_id}`}>
        <span class="name">{job.task_id}</span>
        <StatusBadge status={job.status} />
        <span class="muted small message">{isActive(job.status) ? job.message : ""}</span>
        <span class="muted small">
          <Ago time={job.created_at} now={now} />
        </span>
        {isActive(job.status) && <progress max={100} value={job.progress} aria-label="Progress" />}
      </a>
    </li>
  );
}
