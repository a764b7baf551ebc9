import type { Mutation } from "./mutation.ts";

/** Uploads, results, and their retention. */
export const FILE_MUTATIONS: readonly Mutation[] = [
  {
    name: "losers-stay",
    is: "objects of lost attempts stay in storage",
    found: 5,
    changes: [
      {
        file: "control-plane/src/uploads/whole-files.ts",
        search: "if (strays.length > 0) await bucket.delete(strays);",
        replace: "",
      },
    ],
  },
  {
    name: "running-deleted",
    is: "a running job can be deleted",
    found: 4,
    changes: [
      {
        file: "control-plane/src/jobs/delete.ts",
        search: "db.delete(jobs).where(areEnded),",
        replace: "db.delete(jobs).where(inList(jobs.id, ids)),",
      },
    ],
  },
  {
    name: "removed-results-promised",
    is: "a job whose results are removed still lists them",
    found: 44,
    changes: [
      {
        file: "control-plane/src/maintenance/purge-results.ts",
        search: "      db.delete(results).where(and(eq(results.jobId, jobId), exists(purged))),\n",
        replace: "",
      },
    ],
  },
  {
    name: "needed-video-removed",
    is: "retention takes a video that a job waits for",
    found: 72,
    changes: [
      {
        file: "control-plane/src/uploads/expiry.ts",
        search: "or(isNull(jobs.endedAt), eq(jobs.pinned, true), gt",
        replace: "or(eq(jobs.pinned, true), gt",
      },
    ],
  },
  {
    name: "pinned-video-removed",
    is: "retention takes the video of a pinned job",
    found: 124,
    changes: [
      {
        file: "control-plane/src/uploads/expiry.ts",
        search: "or(isNull(jobs.endedAt), eq(jobs.pinned, true), gt",
        replace: "or(isNull(jobs.endedAt), gt",
      },
    ],
  },
  {
    name: "removed-video-promised",
    is: "jobs do not learn that their video was removed",
    found: 18,
    changes: [
      {
        file: "control-plane/src/uploads/uploads.ts",
        search: "isNull(jobs.inputPurgedAt), exists(marked))",
        replace: "isNull(jobs.inputPurgedAt), isNull(jobs.endedAt))",
      },
    ],
  },
  {
    name: "one-of-several-videos-removed",
    is: "retention does not know the jobs that use a video with others",
    found: 40,
    changes: [
      {
        file: "control-plane/src/uploads/upload-users.ts",
        search: "return or(eq(jobs.uploadId, uploadId), inArray(jobs.id, withOthers));",
        replace: "return eq(jobs.uploadId, uploadId);",
      },
    ],
  },
  {
    name: "share-outlives-job",
    is: "a job's shares stay when it is deleted",
    found: 19,
    changes: [
      {
        file: "control-plane/src/jobs/delete.ts",
        search: "      db.delete(shares).where(inArray(shares.jobId, ended)),\n",
        replace: "",
      },
    ],
  },
  {
    name: "share-outlives-results",
    is: "a job's shares stay when retention removes its results",
    found: 321,
    changes: [
      {
        file: "control-plane/src/maintenance/purge-results.ts",
        search: "      db.delete(shares).where(and(eq(shares.jobId, jobId), exists(purged))),\n",
        replace: "",
      },
    ],
  },
  {
    name: "link-of-earlier-attempt",
    is: "a job that is completed while a link is made gets a link to an earlier attempt",
    found: 6914,
    changes: [
      {
        file: "control-plane/src/results/result-files.ts",
        search: '  if (job.status !== "completed") return null;\n',
        replace: "",
      },
    ],
  },
  {
    name: "link-serves-missing-results",
    is: "a signed link to removed results is answered, without a file",
    found: 405,
    changes: [
      {
        file: "control-plane/src/results/link-routes.ts",
        search: `if (response === null) throw new ApiError("link_not_found");`,
        replace: `if (response === null) return new Response("");`,
      },
    ],
  },
  {
    name: "tus-offset-unchecked",
    is: "a repeated tus request appends its bytes again",
    found: 113,
    changes: [
      {
        file: "control-plane/src/uploads/tus/routes.ts",
        search: "    if (offset !== offsetOf(found)) throw offsetMismatch(offsetOf(found));\n",
        replace: "",
      },
      {
        file: "control-plane/src/uploads/tus/tus-uploads.ts",
        search: "eq(tusUploads.received, offset), isFree))",
        replace: "isFree))",
      },
    ],
  },
  {
    name: "tus-writers-together",
    is: "two tus requests append at the same time",
    found: 41,
    changes: [
      {
        file: "control-plane/src/uploads/tus/tus-uploads.ts",
        search: "eq(tusUploads.received, offset), isFree))",
        replace: "eq(tusUploads.received, offset), isFree === undefined ? undefined : undefined))",
      },
      {
        file: "control-plane/src/uploads/tus/tus-uploads.ts",
        search: "const stillOurs = and(holds(turn), eq(tusUploads.received, from.received)) as SQL;",
        replace: "const stillOurs = eq(tusUploads.uploadId, uploadId) as SQL;",
      },
    ],
  },
];
