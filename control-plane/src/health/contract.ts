import { Health } from "@splatt/shared";
import type { Operation } from "../contract/operation.ts";

export const GET_HEALTH: Operation = {
  id: "getHealth",
  method: "get",
  path: "/health",
  tag: "Operations",
  summary: "Whether the service is well, and what its agents offer",
  scope: null,
  answers: { 200: Health },
  problems: [],
};
