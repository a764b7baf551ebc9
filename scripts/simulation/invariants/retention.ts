import { VIDEO } from "../actors/client.ts";
import type { SqliteFile } from "../fakes/d1.ts";
import type { SimR2 } from "../fakes/r2.ts";
import { type RetentionPlan, retentionDays } from "../plan.ts";
import { eachChange, type Finding, type JobInvariant } from "./jobs.ts";
import type { Observation, ObservedJob } from "./observation.ts";

/** The control plane's default for videos. */
const INPUT_SECONDS = 7 * 24 * 3600;

/** When each kind of file may go, in ms after its job has ended; Infinity is never. */
function lifetimes({ inputSeconds, resultSeconds }: RetentionPlan) {
  return {
    inputMs: msOf(inputSeconds ?? INPUT_SECONDS),
    resultMs: resultSeconds === null ? Number.POSITIVE_INFINITY : msOf(resultSeconds),
  };
}

function msOf(seconds: number): number {
  return Math.floor(Number(retentionDays(seconds)) * 24 * 3600 * 1000);
}

/** Retention takes the files of jobs that ended long enough ago and are not pinned, and of no others. */
export function onlyExpiredFilesAreRemoved(plan: RetentionPlan): JobInvariant {
  const { inputMs, resultMs } = lifetimes(plan);
  return (before, now) =>
    eachChange(before, now, (was, is) => {
      if (was.results_purged_at === null && is.results_purged_at !== null) {
        const finding = keeps(was, is.results_purged_at, resultMs);
        if (finding !== null) return `its results were removed, but it ${finding}`;
      }
      if (was.input_purged_at === null && is.input_purged_at !== null) {
        const finding = keeps(was, is.input_purged_at, inputMs);
        if (finding !== null) return `its video was removed, but it ${finding}`;
      }
      return null;
    });
}

function keeps({ ended_at, pinned }: ObservedJob, now: number, lifetimeMs: number): string | null {
  if (ended_at === null) return "has not ended";
  if (pinned === 1) return "is pinned";
  return now - ended_at < lifetimeMs ? `ended only ${now - ended_at} ms ago` : null;
}

/** Every job that still promises its video has it, whole: the running ones need it, the others may be repeated. */
export function promisedVideosExist({ jobs }: Observation, d1: SqliteFile, r2: SimR2): Finding {
  for (const job of jobs.values()) {
    if (job.input_purged_at !== null) continue;
    for (const uploadId of uploadsOf(job)) {
      const [upload] = d1.rows("SELECT r2_key, etag, size FROM uploads WHERE id = ?", uploadId);
      const object = r2.objects.get(String(upload?.r2_key));
      if (object === undefined) return `a video of job ${job.id.slice(0, 8)} is not in storage`;
      const isWhole = object.etag === upload?.etag && object.bytes.length === upload.size;
      if (!isWhole || !VIDEO.equals(object.bytes)) return `a video of job ${job.id.slice(0, 8)} is damaged`;
    }
  }
  return null;
}

function uploadsOf({ upload_id, upload_ids }: ObservedJob): string[] {
  if (upload_ids !== null) return JSON.parse(upload_ids) as string[];
  return upload_id === null ? [] : [upload_id];
}

/** Days later, nothing is left that retention should have removed. */
export function noExpiredFileIsLeft({ jobs }: Observation, plan: RetentionPlan): Finding {
  const all = [...jobs.values()];
  const keepsResults = all.find(
    ({ status, pinned, results_purged_at }) =>
      status === "completed" && pinned === 0 && results_purged_at === null && plan.resultSeconds !== null,
  );
  if (keepsResults !== undefined) return `job ${keepsResults.id.slice(0, 8)} still has its results`;
  const needs = ({ pinned, ended_at }: ObservedJob) => pinned === 1 || ended_at === null;
  const neededUploads = new Set(all.filter(needs).flatMap(uploadsOf));
  const keepsVideo = all.find(
    (job) => job.input_purged_at === null && uploadsOf(job).some((id) => !neededUploads.has(id)),
  );
  return keepsVideo === undefined ? null : `job ${keepsVideo.id.slice(0, 8)} still has its video`;
}
