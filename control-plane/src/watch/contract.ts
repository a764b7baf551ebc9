import { JobLogs, LogQuery, WatchQuery } from "@splatt/shared";
import type { Operation } from "../contract/operation.ts";

export const WATCH_JOB: Operation = {
  id: "watchJob",
  method: "get",
  path: "/jobs/{id}/watch",
  tag: "Jobs",
  summary: "Watch a job over a WebSocket or as server-sent events",
  description:
    "Upgrade to a WebSocket, or send `Accept: text/event-stream`. Each message carries a cursor, from which a later watch continues.",
  scope: "jobs:read",
  query: WatchQuery,
  answers: {
    101: { description: "A WebSocket with JSON messages", content: [] },
    200: { description: "Server-sent events with the same messages", content: ["text/event-stream"] },
  },
  problems: ["job_not_found", "upgrade_required", "too_many_watchers"],
};

export const GET_JOB_LOGS: Operation = {
  id: "getJobLogs",
  method: "get",
  path: "/jobs/{id}/logs",
  tag: "Jobs",
  summary: "Lines of a job's log",
  description: "Live while the job runs, and from its stored file afterwards, under the same line numbers.",
  scope: "jobs:read",
  query: LogQuery,
  answers: { 200: JobLogs },
  problems: ["job_not_found", "too_many_watchers"],
};
