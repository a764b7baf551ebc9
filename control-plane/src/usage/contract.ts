import { UsageList, UsageQuery } from "@splatt/shared";
import type { Operation } from "../contract/operation.ts";

export const GET_USAGE: Operation = {
  id: "getUsage",
  method: "get",
  path: "/usage",
  tag: "Keys",
  summary: "Jobs and bytes by key and day",
  description: "Of the key that asks; with the scope admin, of all keys.",
  scope: "jobs:read",
  query: UsageQuery,
  answers: { 200: UsageList },
  problems: [],
};
