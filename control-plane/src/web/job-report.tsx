import { COVERAGE_FILE, type JobView } from "@splatt/shared";
import { count, duration } from "./format.ts";

/** A completed job at a glance. */
export function KeyFigures({ job }: { readonly job: JobView }) {
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

export function CaptureCard({
  job,
  readsResults,
}: {
  readonly job: JobView;
  readonly readsResults: boolean;
}) {
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

/** Filled by client/job.ts, where the job has the file. Without scripts, the verdict on the splat says it in words. */
export function CoverageCard({ job }: { readonly job: JobView }) {
  const file = job.results?.[COVERAGE_FILE];
  if (file === undefined) return null;
  return (
    <section class="card" data-coverage={file.url} hidden>
      <h2>What to film again</h2>
      <p class="muted small">
        The scene from above, with the cameras. <span class="key covered" /> well covered{" "}
        <span class="key thin" /> badly covered
      </p>
      <div class="coverage-map" data-map />
      <ul data-advice />
    </section>
  );
}

const RESULT_KINDS = { good: "ok", weak: "warn", poor: "bad" } as const;

export function QualityCard({ job }: { readonly job: JobView }) {
  const { train, result } = job.report ?? {};
  if (!train) return null;
  return (
    <section class="card">
      <div class="head">
        <h2>The splat</h2>
        {result && result.verdict !== "unknown" && (
          <span class={`badge ${RESULT_KINDS[result.verdict]}`}>{result.verdict}</span>
        )}
      </div>
      {result && <p>{result.advice}</p>}
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
