import { isTerminal, type JobEvent, type JobStatus, type JobView } from "@splatt/shared";
import { duration } from "./format.ts";

interface Span {
  readonly name: string;
  readonly kind: "wait" | "work" | "end";
  readonly start: number;
  readonly end: number;
  readonly attempt: number;
}

const STAGE_NAMES: Partial<Record<JobStatus, string>> = {
  downloading_video: "Download",
  extracting_frames: "Frames",
  running_colmap: "Cameras",
  training: "Training",
  exporting: "Export",
};

/** The stretches of time between the entries of a job's history. */
export function spansOf(job: Pick<JobView, "status">, events: readonly JobEvent[], now: number): Span[] {
  return events.flatMap((event, index) => {
    if (isTerminal(event.status)) return [];
    const next = events[index + 1];
    const start = Date.parse(event.at);
    const end = next === undefined ? now : Date.parse(next.at);
    const work = STAGE_NAMES[event.status];
    const waits = work === undefined;
    return [
      {
        name: work ?? (event.agent_id === null ? "Waiting for a box" : "Starting"),
        kind: waits ? "wait" : "work",
        start,
        end: isTerminal(job.status) && next === undefined ? start : Math.max(start, end),
        attempt: event.attempt,
      } as const,
    ];
  });
}

/** A waterfall: one bar for each stage and wait, on the job's own time axis. */
export function JobTimeline({
  job,
  events,
  now,
}: {
  job: JobView;
  events: readonly JobEvent[];
  now: number;
}) {
  const spans = spansOf(job, events, now);
  const first = spans[0];
  if (first === undefined) return <p class="muted">No history.</p>;
  const total = Math.max(1, Math.max(...spans.map(({ end }) => end)) - first.start);
  const attempts = new Set(spans.map(({ attempt }) => attempt).filter((attempt) => attempt > 0)).size;
  return (
    <>
      <ol class="timeline">
        {spans.map((span) => (
          <li>
            <span>
              {span.name}
              {attempts > 1 && span.attempt > 0 ? ` (attempt ${span.attempt})` : ""}
            </span>
            <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
              <rect
                class={span.kind}
                x={((span.start - first.start) / total) * 100}
                width={Math.max(0.6, ((span.end - span.start) / total) * 100)}
                height="8"
                rx="1"
              />
            </svg>
            <span class="number muted">{duration((span.end - span.start) / 1000)}</span>
          </li>
        ))}
      </ol>
      {(job.report?.stages ?? []).some(({ reused }) => reused) && (
        <p class="muted small">
          Reused from an earlier attempt:{" "}
          {(job.report?.stages ?? [])
            .filter(({ reused }) => reused)
            .map(({ stage }) => stage)
            .join(", ")}
          .
        </p>
      )}
    </>
  );
}
