import type { Operation } from "../contract/operation.ts";

export const GET_RESULT: Operation = {
  id: "getResult",
  method: "get",
  path: "/jobs/{id}/results/{filename}",
  tag: "Results",
  summary: "Download a result file",
  description: "Supports HEAD, Range and conditional requests.",
  scope: "results:read",
  answers: {
    200: { description: "The file", content: ["*/*"] },
    206: { description: "The range that Range asks for", content: ["*/*"] },
    304: { description: "The file has not changed", content: [] },
  },
  problems: ["job_not_found", "result_not_found", "precondition_failed", "range_not_satisfiable"],
};
