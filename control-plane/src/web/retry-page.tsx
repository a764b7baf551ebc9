import { type JobView, type Preset, RetryJobFields, scaleReferenceText, UpChoice } from "@splatt/shared";
import type { Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

const PRESETS: readonly { readonly value: Preset; readonly name: string }[] = [
  { value: "draft", name: "Draft: a first look" },
  { value: "standard", name: "Standard: good for most" },
  { value: "high", name: "High: slower, finer" },
];

const UP_NAMES: { readonly [choice in UpChoice]: string } = {
  auto: "Automatic",
  top: "Top: the usual one",
  right: "Right",
  bottom: "Bottom",
  left: "Left",
  camera: "None: taken straight down",
};

/** Fields that a form leaves empty for null. */
const EMPTY_IS_NULL = ["end_sec", "max_resolution", "max_splats", "scale_reference"] as const;

/** The changes of a retry that a form asks for. */
export function retryChanges(form: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const known = Object.entries(form).filter(([name]) => Object.hasOwn(RetryJobFields.shape, name));
  return Object.fromEntries(
    known.map(([name, value]) => [
      name,
      value === "" && EMPTY_IS_NULL.some((field) => field === name) ? null : value,
    ]),
  );
}

/** Runs an ended job again, with other options. */
export function RetryPage({ viewer, job }: { readonly viewer: Viewer; readonly job: JobView }) {
  const { options } = job;
  return (
    <Shell viewer={viewer} section="/app/jobs" title={`Run ${job.task_id} again`}>
      <h1 class="wrap">Run {job.task_id} again</h1>
      <section class="card">
        <p>
          This makes a new job from the same video; the old one stays as it is. A GPU box that still has the
          old job's files reuses what the options leave unchanged: with the same frames, the download, the
          frames and, at the same quality, the cameras.
        </p>
        <form class="form" method="post">
          <label>
            Name
            <input name="task_id" required maxlength={512} value={job.task_id} />
          </label>
          <label>
            Quality
            <select name="preset">
              {PRESETS.map(({ value, name }) => (
                <option value={value} selected={value === options.preset}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <label>
            Side of the pictures that points up
            <select name="up">
              {UpChoice.options.map((value) => (
                <option value={value} selected={value === options.up}>
                  {UP_NAMES[value]}
                </option>
              ))}
            </select>
          </label>
          <label>
            Known distance between two cameras
            <input
              name="scale_reference"
              maxlength={4000}
              value={options.scale_reference === null ? "" : scaleReferenceText(options.scale_reference)}
              placeholder="none"
            />
            <span class="hint">
              Frames or photos, then metres: <code>12,40=0.8</code>, <code>2.5s,10s=0.8</code> or{" "}
              <code>a.jpg,b.jpg=0.8</code>. The report then says how large the scene is.
            </span>
          </label>
          <div class="row">
            <NumberField name="iterations" label="Training steps" value={options.iterations} step="1" />
            <NumberField name="max_splats" label="Most gaussians" value={options.max_splats} step="1" />
            <NumberField
              name="max_resolution"
              label="Longest side, pixels"
              value={options.max_resolution}
              step="1"
            />
          </div>
          <fieldset>
            <legend>Frames</legend>
            <div class="row">
              <NumberField name="fps" label="Frames per second" value={options.fps} />
              <NumberField name="start_sec" label="From second" value={options.start_sec} />
              <NumberField name="end_sec" label="To second" value={options.end_sec} placeholder="end" />
            </div>
          </fieldset>
          <div class="head">
            <button class="primary" type="submit">
              Run again
            </button>
            <a class="button" href={`/app/jobs/${job.job_id}`}>
              Back to the job
            </a>
          </div>
        </form>
      </section>
    </Shell>
  );
}

interface NumberFieldProps {
  readonly name: string;
  readonly label: string;
  readonly value: number | null;
  readonly step?: string;
  readonly placeholder?: string;
}

function NumberField({ name, label, value, step = "any", placeholder = "automatic" }: NumberFieldProps) {
  return (
    <label>
      {label}
      <input name={name} type="number" min="0" step={step} value={value ?? ""} placeholder={placeholder} />
    </label>
  );
}
