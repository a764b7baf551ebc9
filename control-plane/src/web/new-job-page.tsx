import type { JobList, JobView } from "@splatt/shared";
import { HowToFilm } from "./filming.tsx";
import { duration } from "./format.ts";
import type { PageApi, Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

const MEASURED_JOBS = 3;

/**
 * How long the latest jobs worked, from the shortest to the longest, in seconds.
 *
 * @returns null while none has been completed
 */
export async function loadExperience(api: PageApi, viewer: Viewer): Promise<readonly number[] | null> {
  if (!viewer.may("jobs:read")) return null;
  const { jobs } = await api.get<JobList>(`/jobs?status=completed&limit=${MEASURED_JOBS}`);
  const views = await Promise.all(
    jobs.map(({ job_id }) => api.get<JobView>(`/jobs/${job_id}`).catch(() => null)),
  );
  const seconds = views.flatMap((job) => {
    if (job === null || job.started_at === null || job.ended_at === null) return [];
    return [(Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000];
  });
  return seconds.length === 0 ? null : seconds.toSorted((a, b) => a - b);
}

interface NewJobPageProps {
  readonly viewer: Viewer;
  readonly experience: readonly number[] | null;
}

/** Sends a video and makes a job of it. client/new.ts does the sending. */
const ACCEPTED = "video/*,image/*,.mkv,.mts,.insv,.zip,.tar,.tgz,.tar.gz";

export function NewJobPage({ viewer, experience }: NewJobPageProps) {
  return (
    <Shell viewer={viewer} section="/app/new" title="New job" scripts={["new"]}>
      <h1>New job</h1>
      <form class="new-job" data-new-job>
        <label class="drop" data-drop>
          <svg viewBox="0 0 48 48" aria-hidden="true">
            <path d="M24 33V10m0 0-9 9m9-9 9 9M8 32v6h32v-6" />
          </svg>
          <strong id="file-name" data-file-name>
            <span class="with-mouse">Drop a video here, or photos</span>
            <span class="with-touch">A video, or photos</span>
          </strong>
          <span class="preview" data-preview hidden />
          <span class="hint" id="file-hint" data-file-hint>
            MP4, MOV, MKV, WebM or AVI, as the camera made it; several videos of one scene; at least 8 photos;
            or a zip or tar of them, or of a dataset with camera poses. An interrupted upload continues where
            it stopped.
          </span>
          <span class="button">Choose files</span>
          <input
            class="visually-hidden"
            type="file"
            name="video"
            accept={ACCEPTED}
            multiple
            required
            aria-labelledby="file-name"
            aria-describedby="file-hint"
          />
        </label>
        <noscript>
          <div class="notice warn">
            <p>
              Sending a file from this page needs JavaScript. Without it, send the video with the{" "}
              <a href="/docs">API</a>, for example with curl.
            </p>
          </div>
        </noscript>
        <label>
          Name
          <input name="task_id" required maxlength={512} placeholder="kitchen, first try" />
        </label>
        <fieldset>
          <legend>Quality</legend>
          <div class="choices">
            <Choice value="draft" name="Draft" text="A first look" />
            <Choice value="standard" name="Standard" text="Good for most" checked />
            <Choice value="high" name="High" text="Slower, finer" />
          </div>
        </fieldset>
        <details>
          <summary>More</summary>
          <div class="row">
            <label>
              Frames per second
              <input name="fps" type="number" min="0.1" max="120" step="0.1" value="4" />
              <span class="hint">How many pictures of each second are used.</span>
            </label>
            <label>
              Training steps
              <input name="iterations" type="number" min="1" max="1000000" value="5000" />
              <span class="hint">More steps take longer and give more detail.</span>
            </label>
          </div>
          <div class="row">
            <label>
              From second
              <input name="start_sec" type="number" min="0" step="0.1" value="0" />
            </label>
            <label>
              To second
              <input name="end_sec" type="number" min="0" step="0.1" placeholder="end" />
            </label>
          </div>
          <div class="row">
            <label>
              Labels
              <input name="labels" placeholder="project=shop, room=kitchen" />
              <span class="hint">To find the job by later.</span>
            </label>
            <label>
              Pool
              <input name="pool" placeholder="default" />
              <span class="hint">Which GPU boxes may run it.</span>
            </label>
          </div>
        </details>
        <div class="card" data-upload hidden>
          <div class="head">
            <strong class="number" data-percent>
              0 %
            </strong>
            <span class="muted number" data-rate />
            <span class="muted" role="status" data-note />
            <div class="actions">
              <button type="button" data-pause>
                Pause
              </button>
            </div>
          </div>
          <progress max={1} value={0} aria-label="Upload" />
        </div>
        <div class="notice bad" role="alert" data-error hidden />
        <div class="notice warn" role="alert" data-session-ended hidden>
          <p>
            You are signed out.{" "}
            <a href="/" target="_blank" rel="noopener">
              Sign in on another tab
            </a>
            , then press Continue here. What was sent is kept.
          </p>
        </div>
        <div class="head">
          <button class="primary" type="submit" disabled>
            Send
          </button>
          <span class="muted small">{experienceInWords(experience)}</span>
        </div>
      </form>
      <HowToFilm />
    </Shell>
  );
}

function experienceInWords(seconds: readonly number[] | null): string {
  const [shortest, longest] = [seconds?.at(0), seconds?.at(-1)];
  if (shortest === undefined || longest === undefined) {
    return "Expect minutes on a GPU, and up to hours on a processor. The job's page estimates the rest.";
  }
  const range =
    longest < 1.2 * shortest ? duration(longest) : `between ${duration(shortest)} and ${duration(longest)}`;
  return `The latest jobs took ${range}, without waiting. The job's page estimates the rest.`;
}

interface ChoiceProps {
  readonly value: string;
  readonly name: string;
  readonly text: string;
  readonly checked?: boolean;
}

function Choice({ value, name, text, checked = false }: ChoiceProps) {
  return (
    <label class="choice">
      <input type="radio" name="preset" value={value} checked={checked} />
      <span>
        <strong>{name}</strong>
        <span class="hint">{text}</span>
      </span>
    </label>
  );
}
