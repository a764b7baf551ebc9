import { z } from "zod";

/**
 * Every error of the HTTP API: status, title, and what the caller can do. Where the hint speaks of the API, `people` is
 * what the pages and the command line say instead.
 */
export const PROBLEMS = {
  unauthorized: {
    status: 401,
    title: "Missing or wrong credentials",
    hint: "Send a valid API key in the header X-API-Key, or in Authorization: Bearer. Keys can be revoked, and can expire.",
    people: "Check that the API key is complete, and that it was not revoked and has not expired.",
  },
  agent_unauthorized: {
    status: 401,
    title: "Missing or wrong agent token",
    hint: "The agent was removed, or its token is wrong. Add the box again, and set its new token as AGENT_TOKEN.",
  },
  scope_missing: {
    status: 403,
    title: "The API key may not do this",
    hint: "Use a key with the scope that detail names. GET /me lists a key's scopes.",
    people: "Use a key that has this scope.",
  },
  foreign_origin: {
    status: 403,
    title: "The request comes from another site",
    hint: "Requests with a session must come from this site's own pages. Scripts send an API key. Pages that call /mcp must be of a site in CORS_ORIGINS.",
  },
  outside_key: {
    status: 403,
    title: "The API key may not use this pool or these labels",
    hint: "GET /me lists the pool and the labels that the key is restricted to.",
    people: "Choose what the key may use, or use another key.",
  },
  quota_exceeded: {
    status: 403,
    title: "A limit of the API key is reached",
    hint: "GET /me lists the key's limits and what it uses of them.",
    people: "Stay below the limit, or use another key.",
  },
  not_found: { status: 404, title: "Not found", hint: "Check the path and the id." },
  job_not_found: { status: 404, title: "No such job", hint: "The id is wrong or the job was deleted." },
  result_not_found: {
    status: 404,
    title: "No such result file",
    hint: "GET /jobs/{job_id}/status lists the files once the job is completed.",
    people: "A job has the files that are listed once it is completed.",
  },
  share_not_found: {
    status: 404,
    title: "No such share",
    hint: "It was revoked or has expired, or its job was deleted.",
  },
  link_not_found: {
    status: 404,
    title: "The link does not work",
    hint: "It is incomplete or has expired, or the file was deleted. Ask for a new one.",
  },
  upload_not_found: {
    status: 404,
    title: "No such upload",
    hint: "It may have expired. Start again with POST /uploads.",
    people: "It may have expired. Send the file again.",
  },
  key_not_found: {
    status: 404,
    title: "No such API key",
    hint: "GET /keys lists them.",
    people: "The list of keys shows which there are.",
  },
  agent_not_found: {
    status: 404,
    title: "No such agent",
    hint: "GET /agents lists them.",
    people: "It may have been removed. The list of agents shows which there are.",
  },
  webhook_not_found: {
    status: 404,
    title: "No such webhook",
    hint: "GET /webhooks lists them.",
    people: "It may have been deleted. The list of webhooks shows which there are.",
  },
  delivery_not_found: {
    status: 404,
    title: "No such delivery",
    hint: "GET /webhooks/{webhook_id}/deliveries lists them. Those of a deleted job are deleted with it.",
    people: "It may have been deleted with its job. The list of deliveries shows which there are.",
  },
  too_many_webhooks: {
    status: 409,
    title: "The API key has too many webhooks",
    hint: "Delete those that are not needed any more.",
  },
  job_not_ended: {
    status: 409,
    title: "The job has not ended",
    hint: "Wait until it is completed, failed or cancelled, or cancel it with POST /jobs/{job_id}/cancel.",
    people: "Wait until it has ended, or cancel it.",
  },
  job_ended: {
    status: 409,
    title: "The job has ended",
    hint: "POST /jobs/{job_id}/retry runs it again as a new job.",
    people: "It can be run again, as a new job.",
  },
  job_not_completed: {
    status: 409,
    title: "The job has no results",
    hint: "Only a completed job has results. GET /jobs/{job_id}/status says how far it is, or why it failed.",
    people: "Only a completed job has results.",
  },
  nothing_to_share: {
    status: 409,
    title: "The job has nothing to show",
    hint: "A share shows a splat with its cameras, and this job's results lack one of the two. GET /jobs/{job_id} lists them.",
    people: "A share shows a splat with its cameras, and this job's results lack one of the two.",
  },
  too_many_shares: {
    status: 409,
    title: "The job has too many shares",
    hint: "Revoke some with DELETE /shares/{share_id}; GET /jobs/{job_id}/shares lists them.",
    people: "Revoke some of them first.",
  },
  input_purged: {
    status: 409,
    title: "The job's video has been removed",
    hint: "Retention removed it after the job ended. Upload the video again and create a new job.",
  },
  results_purged: {
    status: 410,
    title: "The job's results have been removed",
    hint: "Retention removed them after the job ended. POST /jobs/{job_id}/retry makes them again while the video exists; pin a job to keep its files.",
    people:
      "Retention removed them after the job ended. Run the job again while its video exists; pin a job to keep its files.",
  },
  agent_not_connected: {
    status: 409,
    title: "The agent is not connected",
    hint: "A disconnected agent takes no jobs, so there is nothing to drain.",
  },
  upload_incomplete: {
    status: 409,
    title: "The upload is not complete",
    hint: "Send the missing parts, then POST /uploads/{upload_id}/complete.",
    people: "Send the file again: what has arrived is kept.",
  },
  upload_in_use: { status: 409, title: "The upload is in use", hint: "Delete the jobs that use it first." },
  upload_completed: {
    status: 409,
    title: "The upload is already complete",
    hint: "No more parts are accepted.",
  },
  upload_protocol_mismatch: {
    status: 409,
    title: "The upload was begun with another protocol",
    hint: "An upload begun with POST /uploads takes numbered parts; one begun with POST /uploads/tus takes PATCH.",
    people: "Send the file again, as a new upload.",
  },
  upload_offset_mismatch: {
    status: 409,
    title: "The offset is not where the upload continues",
    hint: "Ask with HEAD for Upload-Offset, and continue there.",
    people: "Send the file again, as a new upload.",
  },
  upload_locked: {
    status: 423,
    title: "Another request is sending to this upload",
    hint: "Wait until it ends, then ask with HEAD for Upload-Offset.",
    people: "Wait until it ends.",
  },
  upload_checksum_mismatch: {
    status: 422,
    title: "The file arrived damaged",
    hint: "Its SHA-256 differs from the one that was announced. The upload was deleted; send the file again.",
  },
  tus_request_invalid: {
    status: 400,
    title: "The request does not follow tus 1.0",
    hint: "Correct the header that detail names.",
  },
  tus_version_unsupported: {
    status: 412,
    title: "This version of tus is not supported",
    hint: "Send Tus-Resumable: 1.0.0.",
  },
  tus_checksum_mismatch: {
    status: 460,
    title: "The bytes arrived damaged",
    hint: "They differ from Upload-Checksum and were discarded. Send them again.",
  },
  unsupported_media_type: {
    status: 415,
    title: "The content type is not supported",
    hint: "Send the content type that detail names.",
  },
  stale_lease: {
    status: 409,
    title: "This attempt no longer holds the job",
    hint: "Stop working on it: it has ended or was assigned to another agent.",
  },
  part_size_mismatch: {
    status: 422,
    title: "The part has the wrong size",
    hint: "Every part has part_size bytes; only the last may be smaller. Send Content-Length.",
  },
  part_checksum_mismatch: {
    status: 422,
    title: "The part arrived damaged",
    hint: "Its SHA-256 differs from X-Content-SHA256. Send the part again.",
  },
  invalid_request: {
    status: 422,
    title: "The request is not valid",
    hint: "Each entry of detail names a field.",
    people: "Correct what is named here.",
  },
  idempotency_key_reused: {
    status: 422,
    title: "The Idempotency-Key was used for another request",
    hint: "Use a new key for each thing that you create, and repeat a request unchanged.",
  },
  precondition_failed: {
    status: 412,
    title: "The file has changed",
    hint: "Request it again without If-Match and If-Unmodified-Since.",
  },
  method_not_allowed: {
    status: 405,
    title: "Method not allowed",
    hint: "The Allow header lists the methods that this endpoint accepts.",
  },
  body_incomplete: {
    status: 400,
    title: "The request body is incomplete",
    hint: "The body ended early or is badly framed. Send the request again.",
  },
  malformed_request: {
    status: 400,
    title: "The request is not valid HTTP",
    hint: "Check the request line, the Host header and the framing of the body.",
  },
  request_timeout: {
    status: 408,
    title: "The request arrived too slowly",
    hint: "Send the request again over a faster connection.",
  },
  too_large: {
    status: 413,
    title: "The request body is too large",
    hint: "Send large files in parts with POST /uploads.",
    people: "Send less at once.",
  },
  range_not_satisfiable: {
    status: 416,
    title: "The range lies outside the file",
    hint: "Content-Range has the file's size.",
  },
  upgrade_required: {
    status: 426,
    title: "This is a WebSocket endpoint",
    hint: "Send the handshake of a WebSocket: Upgrade: websocket.",
  },
  headers_too_large: {
    status: 431,
    title: "The request headers are too large",
    hint: "Send fewer or shorter headers.",
  },
  too_many_watchers: {
    status: 429,
    title: "Too many watchers",
    hint: "Close other watches of this job or of this key, then retry after the seconds in Retry-After.",
    people: "Close other pages or commands that watch this job, then try again.",
  },
  rate_limited: {
    status: 429,
    title: "Too many requests",
    hint: "Wait as long as Retry-After says.",
    people: "Wait a while, then try again.",
  },
  too_many_connections: {
    status: 503,
    title: "Too many connections",
    hint: "Close idle connections, then retry after the seconds in Retry-After.",
    people: "Close other pages of this site, then try again.",
  },
  internal_error: {
    status: 500,
    title: "Internal error",
    hint: "Try again. If the error persists, check the control plane's log.",
  },
  not_configured: {
    status: 503,
    title: "The control plane has no API key",
    hint: "Set it with `wrangler secret put GPU_API_KEY`.",
  },
  storage_full: {
    status: 507,
    title: "The disk of the control plane is full",
    hint: "Free disk space or delete jobs. The control plane recovers automatically; retry after the seconds in Retry-After.",
    people: "Free disk space or delete jobs, then try again. The control plane recovers automatically.",
  },
  storage_unwritable: {
    status: 507,
    title: "The disk of the control plane cannot be written",
    hint: "Check the disk, its mount and the folder's owner. The control plane recovers automatically; retry after the seconds in Retry-After.",
    people:
      "Check the disk, its mount and the folder's owner, then try again. The control plane recovers automatically.",
  },
  unavailable: { status: 503, title: "Storage is unavailable", hint: "Try again in a few seconds." },
} as const satisfies Record<string, ProblemEntry>;

interface ProblemEntry {
  readonly status: number;
  readonly title: string;
  readonly hint: string;
  readonly people?: string;
}

export type ProblemCode = keyof typeof PROBLEMS;

/** One entry of a 422's `detail`, in FastAPI's form. */
export const ValidationIssue = z.object({
  loc: z
    .array(z.union([z.string(), z.int()]))
    .describe("Where the fault is: `body`, `query`, `path` or `header`, then the field."),
  msg: z.string().describe("What is wrong with the field."),
  type: z.string().describe("The kind of fault, in pydantic's words where it has one."),
});
export type ValidationIssue = z.infer<typeof ValidationIssue>;

/** RFC 9457, keeping FastAPI's `detail` member. */
export const Problem = z.object({
  type: z.string().describe("Always `about:blank`; `code` tells problems apart."),
  title: z.string().describe("The problem in a few words, the same for every problem of this code."),
  status: z.int().describe("The HTTP status."),
  detail: z
    .union([z.string(), z.array(ValidationIssue)])
    .describe("What is wrong with this request; for `invalid_request`, an entry for each field."),
  code: z.string().describe("A stable name of the problem, for programs."),
  hint: z.string().optional().describe("What to do."),
  request_id: z
    .string()
    .optional()
    .describe("The same as `X-Request-Id`: what to quote when asking for help."),
});
export type Problem = z.infer<typeof Problem>;

/** A problem as pages and the command line show it: with a hint for people instead of one that speaks of the API. */
export function problemForPeople(problem: Problem): Problem {
  const entry: ProblemEntry | undefined = Object.hasOwn(PROBLEMS, problem.code)
    ? PROBLEMS[problem.code as ProblemCode]
    : undefined;
  // A hint that differs from the table's is more specific.
  if (entry?.people === undefined || problem.hint !== entry.hint) return problem;
  return { ...problem, hint: entry.people };
}

/** A problem in a few sentences: what it is, and what to do. */
export function problemText({ title, detail, hint }: Problem): string {
  const details = typeof detail === "string" ? detail : detail.map(issueText).join("; ");
  const problem = details === title ? title : `${title}: ${details}`;
  return `${problem}. ${hint ?? ""}`.replace("..", ".").trim();
}

function issueText({ loc, msg }: ValidationIssue): string {
  return `${loc.join(".")}: ${msg}`;
}

/** The answer of a request that has nothing else to say. */
export const Message = z.object({
  message: z.string().describe("What was done, for people."),
});
