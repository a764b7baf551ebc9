import { AuditList, AuditQuery } from "@splatt/shared";
import type { Operation } from "../contract/operation.ts";

export const GET_AUDIT: Operation = {
  id: "getAudit",
  method: "get",
  path: "/audit",
  tag: "Keys",
  summary: "Who did what, newest first",
  description: "Keys, agents, shares, webhooks and deletions.",
  scope: "admin",
  query: AuditQuery,
  answers: { 200: AuditList },
  problems: [],
};
