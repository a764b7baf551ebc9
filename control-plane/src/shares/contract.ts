import {
  CreateShare,
  DownloadQuery,
  ListSharesQuery,
  Message,
  ShareCreated,
  ShareList,
  ShareMeta,
  SharePage,
} from "@splatt/shared";
import type { Operation } from "../contract/operation.ts";
import { FILE_ANSWERS } from "../results/file-answers.ts";

export const CREATE_SHARE: Operation = {
  id: "createShare",
  method: "post",
  path: "/jobs/{id}/shares",
  tag: "Shares",
  summary: "Share a completed job's splat by a link",
  description:
    "Whoever has the link sees the splat, without a key, until the share is revoked or expires. The answer is the only one that has the link.",
  scope: "results:read",
  creates: true,
  body: CreateShare,
  bodyOptional: true,
  answers: { 200: ShareCreated },
  problems: ["job_not_found", "job_not_completed", "results_purged", "nothing_to_share", "too_many_shares"],
};

export const LIST_ALL_SHARES: Operation = {
  id: "listAllShares",
  method: "get",
  path: "/shares",
  tag: "Shares",
  summary: "The shares of all jobs that the key sees, newest first",
  description: "A page may hold fewer shares than `limit`, and still have a `next_cursor`.",
  scope: "results:read",
  query: ListSharesQuery,
  answers: { 200: SharePage },
  problems: [],
};

export const LIST_SHARES: Operation = {
  id: "listShares",
  method: "get",
  path: "/jobs/{id}/shares",
  tag: "Shares",
  summary: "A job's shares, oldest first",
  scope: "results:read",
  answers: { 200: ShareList },
  problems: ["job_not_found"],
};

export const DELETE_SHARE: Operation = {
  id: "deleteShare",
  method: "delete",
  path: "/shares/{id}",
  tag: "Shares",
  summary: "Revoke a share",
  scope: "results:read",
  answers: { 200: Message },
  problems: ["share_not_found"],
};

export const GET_SHARE_META: Operation = {
  id: "getShareMeta",
  method: "get",
  path: "/s/{token}/meta",
  tag: "Shares",
  summary: "What a viewer needs to show a share",
  scope: null,
  answers: { 200: ShareMeta },
  problems: ["share_not_found"],
};

export const GET_SHARED_FILE: Operation = {
  id: "getSharedFile",
  method: "get",
  path: "/s/{token}/files/{filename}",
  tag: "Shares",
  summary: "Download a file of a share",
  description:
    "Supports HEAD, Range and conditional requests, from pages of any site. `download=0` shows the file in the browser instead of saving it.",
  scope: null,
  query: DownloadQuery,
  answers: FILE_ANSWERS,
  problems: ["share_not_found", "result_not_found", "precondition_failed", "range_not_satisfiable"],
};
