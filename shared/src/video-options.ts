import { JobOptions } from "./jobs/options.ts";

/** The options that select a part of a video, and mean nothing for photos. */
const VIDEO_OPTIONS = ["fps", "start_sec", "end_sec"] as const;

/** The options of videos that differ from their defaults. Clients may state the defaults for any job. */
export function videoOptionsGiven(
  options: Pick<JobOptions, (typeof VIDEO_OPTIONS)[number]>,
): (typeof VIDEO_OPTIONS)[number][] {
  const defaults = JobOptions.parse({});
  return VIDEO_OPTIONS.filter((name) => options[name] !== defaults[name]);
}
