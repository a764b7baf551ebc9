import { CreateResultLink, DownloadQuery, ResultLink } from "@splatt/shared";
import type { Operation } from "../contract/operation.ts";
import { FILE_ANSWERS } from "./file-answers.ts";

export const GET_RESULT: Operation = {
  id: "getResult",
  method: "get",
  path: "/jobs/{id}/results/{filename}",
  tag: "Results",
  summary: "Download a result file",
  description:
    "Supports HEAD, Range and conditional requests. `download=0` shows the file in the browser instead of saving it.",
  scope: "results:read",
  query: DownloadQuery,
  answers: FILE_ANSWERS,
  problems: [
    "job_not_found",
    "result_not_found",
    "results_purged",
    "precondition_failed",
    "range_not_satisfiable",
  ],
};

export const GET_RESULTS_ARCHIVE: Operation = {
  id: "getResultsArchive",
  method: "get",
  path: "/jobs/{id}/results.zip",
  tag: "Results",
  summary: "Download all result files as one zip archive",
  description:
    "The files are stored uncompressed, because splats and pictures do not get smaller. Supports HEAD, which states the size. It does not support Range: to continue a download where it broke off, take the files one by one.",
  scope: "results:read",
  answers: { 200: { description: "The archive", content: ["application/zip"] } },
  problems: ["job_not_found", "job_not_completed", "results_purged"],
};

export const CREATE_RESULT_LINK: Operation = {
  id: "createResultLink",
  method: "post",
  path: "/jobs/{id}/results/{filename}/link",
  tag: "Results",
  summary: "Make a link to a result file that works without a key",
  description:
    "The link allows GET and HEAD of this file, of this attempt, until it expires: after an hour, or `expires_in` seconds, at most 7 days. Deleting the job ends it earlier.",
  scope: "results:read",
  body: CreateResultLink,
  bodyOptional: true,
  answers: { 200: ResultLink },
  problems: ["job_not_found", "result_not_found", "results_purged"],
};

export const GET_LINKED_RESULT: Operation = {
  id: "getLinkedResult",
  method: "get",
  path: "/links/{token}/{filename}",
  tag: "Results",
  summary: "Download a result file by its signed link",
  description:
    "Supports HEAD, Range and conditional requests, from pages of any site. `download=0` shows the file in the browser instead of saving it.",
  scope: null,
  query: DownloadQuery,
  answers: FILE_ANSWERS,
  problems: ["link_not_found", "precondition_failed", "range_not_satisfiable"],
};
