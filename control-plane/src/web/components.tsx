import { isActive, type JobStatus, type Problem, problemForPeople } from "@splatt/shared";
import type { Child } from "hono/jsx";
import { ago, asUtc } from "./format.ts";

export const STATUS_NAMES: Readonly<Record<JobStatus, string>> = {
  queued: "Waiting",
  downloading_video: "Downloading",
  extracting_frames: "Making frames",
  running_colmap: "Solving cameras",
  training: "Training",
  exporting: "Exporting",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};

export function StatusBadge({ status }: { readonly status: JobStatus }) {
  const kind = status === "queued" ? "waiting" : isActive(status) ? "running" : status;
  return (
    <span class={`badge ${kind}`} data-status={status}>
      {STATUS_NAMES[status]}
    </span>
  );
}

/** A moment, relative to now; the exact time on hover and for machines. */
export function Ago({ time, now }: { readonly time: string; readonly now: number }) {
  const exact = asUtc(time);
  return (
    <time datetime={exact} title={new Date(exact).toUTCString()}>
      {ago(time, now)}
    </time>
  );
}

export function EmptyState({ title, children }: { readonly title: string; readonly children: Child }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** An error of the API, for people. */
export function ProblemNotice({ problem: refusal }: { readonly problem: Problem }) {
  const problem = problemForPeople(refusal);
  const details =
    typeof problem.detail === "string"
      ? [problem.detail]
      : problem.detail.map(({ loc, msg }) => `${loc.slice(1).join(".")}: ${msg}`);
  return (
    <div class="notice bad" role="alert">
      <strong>{problem.title}</strong>
      {details
        .filter((detail) => detail !== problem.title)
        .map((detail) => (
          <p>{detail}</p>
        ))}
      {problem.hint !== undefined && <p class="muted">{problem.hint}</p>}
    </div>
  );
}
