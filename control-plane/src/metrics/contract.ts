import type { Operation } from "../contract/operation.ts";

export const GET_METRICS: Operation = {
  id: "getMetrics",
  method: "get",
  path: "/metrics",
  tag: "Operations",
  summary: "Metrics for Prometheus, in its text format",
  description:
    "Instead of a key, `Authorization: Bearer` may carry the `METRICS_TOKEN` of the settings, which opens nothing else.",
  scope: "admin",
  answers: { 200: { description: "The metrics", content: ["text/plain"] } },
  problems: [],
};
