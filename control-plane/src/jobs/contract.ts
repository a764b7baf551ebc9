import {
  BulkAnswer,
  BulkJobs,
  CreateJobFields,
  JobCreated,
  JobEventList,
  JobList,
  JobStatusView,
  JobView,
  ListJobsQuery,
  Message,
  RetryJobFields,
  StatusQuery,
} from "@splatt/shared";
import type { Operation } from "../contract/operation.ts";

export const CREATE_JOB: Operation = {
  id: "createJob",
  method: "post",
  path: "/jobs",
  tag: "Jobs",
  summary: "Create a job",
  scope: "jobs:write",
  creates: true,
  body: CreateJobFields,
  example: { task_id: "my-task", video_url: "https://example.com/chair.mp4", iterations: 5000, fps: 4 },
  answers: { 200: JobCreated },
  problems: ["upload_not_found", "upload_incomplete", "outside_key", "quota_exceeded"],
};

export const LIST_JOBS: Operation = {
  id: "listJobs",
  method: "get",
  path: "/jobs",
  tag: "Jobs",
  summary: "List jobs, newest first",
  scope: "jobs:read",
  query: ListJobsQuery,
  answers: { 200: JobList },
  problems: [],
};

export const GET_JOB: Operation = {
  id: "getJob",
  method: "get",
  path: "/jobs/{id}",
  tag: "Jobs",
  summary: "Everything known about a job",
  scope: "jobs:read",
  answers: { 200: JobView },
  problems: ["job_not_found"],
};

export const GET_JOB_STATUS: Operation = {
  id: "getJobStatus",
  method: "get",
  path: "/jobs/{id}/status",
  tag: "Jobs",
  summary: "A job's status",
  description:
    "With `wait`, it answers when the job's version differs from `after`, or after that many seconds.",
  scope: "jobs:read",
  query: StatusQuery,
  answers: { 200: JobStatusView },
  problems: ["job_not_found", "too_many_watchers"],
};

export const GET_JOB_EVENTS: Operation = {
  id: "getJobEvents",
  method: "get",
  path: "/jobs/{id}/events",
  tag: "Jobs",
  summary: "A job's history, oldest first",
  scope: "jobs:read",
  answers: { 200: JobEventList },
  problems: ["job_not_found"],
};

export const CANCEL_JOB: Operation = {
  id: "cancelJob",
  method: "post",
  path: "/jobs/{id}/cancel",
  tag: "Jobs",
  summary: "Cancel a job that has not ended",
  scope: "jobs:write",
  answers: { 200: JobStatusView },
  problems: ["job_not_found", "job_ended"],
};

export const RETRY_JOB: Operation = {
  id: "retryJob",
  method: "post",
  path: "/jobs/{id}/retry",
  tag: "Jobs",
  summary: "Run an ended job again as a new job",
  scope: "jobs:write",
  creates: true,
  body: RetryJobFields.partial(),
  example: { iterations: 10000 },
  bodyOptional: true,
  answers: { 200: JobCreated },
  problems: ["job_not_found", "job_not_ended", "input_purged", "outside_key", "quota_exceeded"],
};

export const DELETE_JOB: Operation = {
  id: "deleteJob",
  method: "delete",
  path: "/jobs/{id}",
  tag: "Jobs",
  summary: "Delete a job that has ended, with its files",
  scope: "jobs:write",
  answers: { 200: Message },
  problems: ["job_not_found", "job_not_ended"],
};

const BULK_EXAMPLE = { job_ids: ["7f3c2a51-2d4e-4c6b-9a51-0e6f3b1d2c4a"] };

export const CANCEL_JOBS: Operation = {
  id: "cancelJobs",
  method: "post",
  path: "/jobs/cancel",
  tag: "Jobs",
  summary: "Cancel many jobs",
  description: "Answers for each job. A job that was cancelled before counts as done.",
  scope: "jobs:write",
  body: BulkJobs,
  example: BULK_EXAMPLE,
  answers: { 200: BulkAnswer },
  problems: [],
};

export const DELETE_JOBS: Operation = {
  id: "deleteJobs",
  method: "post",
  path: "/jobs/delete",
  tag: "Jobs",
  summary: "Delete many jobs that have ended, with their files",
  description:
    "Answers for each job. The jobs are gone at once; the scheduled purge removes their files, 50 jobs a minute.",
  scope: "jobs:write",
  body: BulkJobs,
  example: BULK_EXAMPLE,
  answers: { 200: BulkAnswer },
  problems: [],
};

export const PIN_JOB: Operation = {
  id: "pinJob",
  method: "post",
  path: "/jobs/{id}/pin",
  tag: "Jobs",
  summary: "Keep a job's files from retention",
  scope: "jobs:write",
  answers: { 200: JobView },
  problems: ["job_not_found"],
};

export const UNPIN_JOB: Operation = {
  id: "unpinJob",
  method: "delete",
  path: "/jobs/{id}/pin",
  tag: "Jobs",
  summary: "Let retention remove a pinned job's files again",
  scope: "jobs:write",
  answers: { 200: JobView },
  problems: ["job_not_found"],
};
