import { CreateJob, EngineChoice, Preset, UpChoice } from "@splatt/shared";
import type { JobFields } from "../index.ts";
import { type Options, UsageError, type Values } from "./command.ts";

/** The options of a new job. */
export const JOB_OPTIONS = {
  iterations: { type: "number", summary: "training steps" },
  fps: { type: "number", summary: "frames per second of video" },
  "start-sec": { type: "number", summary: "start of the range, in seconds" },
  "end-sec": { type: "number", summary: "end of the range, in seconds" },
  engine: { type: "string", value: "NAME", summary: "what trains the splat", choices: EngineChoice.options },
  preset: {
    type: "string",
    value: "NAME",
    summary: "how much work goes into quality",
    choices: Preset.options,
  },
  up: {
    type: "string",
    value: "SIDE",
    summary: "which side of the pictures points up",
    choices: UpChoice.options,
  },
  "scale-reference": {
    type: "string",
    value: "A,B=METRES",
    summary: "how far apart the cameras of two frames are; each a number, a time (2.5s) or a photo's name",
  },
  "max-splats": { type: "number", summary: "maximum number of gaussians" },
  "max-resolution": { type: "number", summary: "longest side of the training images, in pixels" },
  priority: { type: "number", summary: "higher goes first; one step equals ten minutes of waiting" },
  pool: { type: "string", value: "NAME", summary: "the group of agents that may run the job" },
  label: { type: "list", value: "KEY=VALUE", summary: "your own words for the job; may be repeated" },
  "task-id": { type: "string", value: "ID", summary: "your identifier; by default the video's name" },
  "callback-url": { type: "string", value: "URL", summary: "gets the job's webhook events" },
} as const satisfies Options;

export type JobOptionValues = Values<typeof JOB_OPTIONS>;

const ANY_UPLOAD = "00000000-0000-4000-8000-000000000000";

/** @throws UsageError when the API would refuse them, before anything is uploaded */
export function jobFields(options: JobOptionValues, taskId: string): JobFields {
  const { label, ...rest } = options;
  const labels = Object.fromEntries(
    label.map((text) => {
      const [key, value] = text.split(/=(.*)/s);
      if (key === undefined || value === undefined)
        throw new UsageError(`--label must be KEY=VALUE, not "${text}"`);
      return [key, value];
    }),
  );
  const given = Object.fromEntries(
    Object.entries(rest).flatMap(([name, value]) =>
      value === undefined ? [] : [[name.replaceAll("-", "_"), value]],
    ),
  );
  const fields = { task_id: taskId, ...given, ...(label.length > 0 && { labels }) };
  const checked = CreateJob.safeParse({ ...fields, upload_id: ANY_UPLOAD });
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new UsageError(`--${String(issue?.path[0]).replaceAll("_", "-")}: ${issue?.message}`);
  }
  return fields;
}
