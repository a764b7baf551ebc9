import { type Splatt, SplattError } from "../index.ts";

const FULL_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MIN_PREFIX = 4;
const SEARCHED = 1000;

/** The id that a user's words mean: a full one, or the first characters of one of the newest jobs. */
export async function findJobId(splatt: Splatt, given: string, signal: AbortSignal): Promise<string> {
  if (FULL_ID.test(given)) return given.toLowerCase();
  const prefix = given.toLowerCase();
  if (!/^[0-9a-f-]+$/.test(prefix) || prefix.length < MIN_PREFIX) {
    throw new SplattError(
      "job_not_found",
      `"${given}" is not the id of a job. \`splatt list\` shows the ids.`,
    );
  }
  const { jobs } = await splatt.listJobs({ limit: SEARCHED }, { signal });
  const found = jobs.filter(({ job_id }) => job_id.startsWith(prefix));
  const [only, another] = found;
  if (only !== undefined && another === undefined) return only.job_id;
  const how = only === undefined ? "None" : `${found.length}`;
  throw new SplattError("job_not_found", `${how} of the newest ${SEARCHED} jobs begin with "${given}".`);
}
