import {
  CreateUpload,
  ListUploadsQuery,
  Message,
  UploadedPart,
  UploadList,
  UploadPartList,
  UploadView,
} from "@splatt/shared";
import type { Operation } from "../contract/operation.ts";

export const CREATE_UPLOAD: Operation = {
  id: "createUpload",
  method: "post",
  path: "/uploads",
  tag: "Uploads",
  summary: "Announce a video that will be sent in parts",
  scope: "jobs:write",
  creates: true,
  body: CreateUpload,
  example: { filename: "video.mp4", size: 1024 },
  answers: { 200: UploadView },
  problems: ["quota_exceeded"],
};

export const GET_UPLOAD: Operation = {
  id: "getUpload",
  method: "get",
  path: "/uploads/{id}",
  tag: "Uploads",
  summary: "An upload, and the parts that have arrived",
  scope: "jobs:read",
  answers: { 200: UploadView },
  problems: ["upload_not_found"],
};

export const LIST_UPLOADS: Operation = {
  id: "listUploads",
  method: "get",
  path: "/uploads",
  tag: "Uploads",
  summary: "The uploads of this key, newest first",
  scope: "jobs:read",
  query: ListUploadsQuery,
  answers: { 200: UploadList },
  problems: [],
};

export const LIST_UPLOAD_PARTS: Operation = {
  id: "listUploadParts",
  method: "get",
  path: "/uploads/{id}/parts",
  tag: "Uploads",
  summary: "The parts that have arrived, with the SHA-256 that came with each",
  scope: "jobs:read",
  answers: { 200: UploadPartList },
  problems: ["upload_not_found"],
};

export const PUT_PART: Operation = {
  id: "putPart",
  method: "put",
  path: "/uploads/{id}/parts/{number}",
  tag: "Uploads",
  summary: "Send a part",
  scope: "jobs:write",
  rawBody: "application/octet-stream",
  answers: { 200: UploadedPart },
  problems: [
    "upload_not_found",
    "upload_completed",
    "upload_protocol_mismatch",
    "part_size_mismatch",
    "part_checksum_mismatch",
    "body_incomplete",
  ],
};

export const COMPLETE_UPLOAD: Operation = {
  id: "completeUpload",
  method: "post",
  path: "/uploads/{id}/complete",
  tag: "Uploads",
  summary: "Assemble the parts",
  scope: "jobs:write",
  answers: { 200: UploadView },
  problems: ["upload_not_found", "upload_incomplete", "upload_checksum_mismatch"],
};

export const DELETE_UPLOAD: Operation = {
  id: "deleteUpload",
  method: "delete",
  path: "/uploads/{id}",
  tag: "Uploads",
  summary: "Delete an upload that no job uses",
  scope: "jobs:write",
  answers: { 200: Message },
  problems: ["upload_not_found", "upload_in_use"],
};
