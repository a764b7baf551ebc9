import {
  CreateJobFields,
  CreateResultLink,
  CreateShare,
  isTerminal,
  type JobCreated,
  type JobList,
  type JobStatusView,
  ListJobsQuery,
  type ResultLink,
  type ShareCreated,
} from "@splatt/shared";
import { z } from "zod";
import { inputSchema, type JsonSchema } from "../contract/json-schema.ts";
import type { Operation } from "../contract/operation.ts";
import { ApiError } from "../http/problem.ts";
import { validate } from "../http/validate.ts";
import { CANCEL_JOB, CREATE_JOB, GET_JOB_STATUS, LIST_JOBS } from "../jobs/contract.ts";
import { GET_RESULT } from "../results/contract.ts";
import { CREATE_SHARE } from "../shares/contract.ts";
import type { ToolApi } from "./tool-api.ts";

/** Something that a language model can do with an API key. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** What the endpoints behind it need, all of them. */
  readonly scopes: readonly Operation["scope"][];
  readonly isReadOnly: boolean;
  readonly isDestructive: boolean;
  readonly input: JsonSchema;
  /**
   * @param args as the model wrote them
   * @throws ApiError and ToolProblem when they are refused
   */
  call(api: ToolApi, args: unknown): Promise<object>;
}

/** Clients give up on a tool after a minute. */
const MAX_WAIT_SECONDS = 50;
/** A job whose version changes faster than its progress is written is not waited for any longer. */
const MAX_CHANGES = 40;
const MAX_LINKS = 32;

const IDEMPOTENCY_KEY = z
  .string()
  .min(1)
  .max(255)
  .optional()
  .describe("Any unique text. A repeated call with the same one does not create a second time.");
const OF_JOB = z.object({ job_id: z.uuid().describe("As submit_job or list_jobs returned it.") });

export const TOOLS: readonly Tool[] = [
  tool({
    name: "submit_job",
    title: "Submit a video",
    description:
      "Creates a job that turns a video into a 3D Gaussian splat. video_url must be a public https address of the video file itself. The job takes minutes to hours: call wait_for_job.",
    endpoint: CREATE_JOB,
    input: CreateJobFields.extend({ idempotency_key: IDEMPOTENCY_KEY }),
    // The API fills in what is missing, by the key's restrictions, and says what it ignored.
    call: (api, { idempotency_key }, { idempotency_key: _, ...job }) =>
      api.post<JobCreated>("/jobs", job, idempotency_key),
  }),
  tool({
    name: "job_status",
    title: "Job status",
    description: "The status, progress and message of a job, and why it failed.",
    endpoint: GET_JOB_STATUS,
    input: OF_JOB,
    call: (api, { job_id }) => api.get<JobStatusView>(`/jobs/${job_id}/status`),
  }),
  tool({
    name: "wait_for_job",
    title: "Wait for a job",
    description: `Waits until a job has ended, or until its next change, but at most ${MAX_WAIT_SECONDS} seconds, and returns its status. Call it again while the status is not completed, failed or cancelled.`,
    endpoint: GET_JOB_STATUS,
    input: OF_JOB.extend({
      until: z.enum(["end", "change"]).default("end").describe("What to wait for."),
      seconds: z.int().min(1).max(MAX_WAIT_SECONDS).default(45).describe("The longest time to wait."),
    }),
    call: waitForJob,
  }),
  tool({
    name: "list_jobs",
    title: "List jobs",
    description: "Jobs, newest first, by status, labels, task_id, pool and time of creation.",
    endpoint: LIST_JOBS,
    input: ListJobsQuery.extend({
      limit: z.int().min(0).max(100).default(20).describe("Jobs in the answer."),
    }),
    call: (api, { limit }, filters) => api.get<JobList>(`/jobs?${queryOf({ ...filters, limit })}`),
  }),
  tool({
    name: "job_results",
    title: "Results of a job",
    description:
      "The result files of a completed job, each with a link that downloads it without a key until expires_at. baked_splat_sh.ply is the splat with spherical harmonics, baked_splat.ply the one with plain colors.",
    endpoint: GET_RESULT,
    alsoCalls: [GET_JOB_STATUS],
    input: OF_JOB.extend({
      files: z.array(z.string().max(255)).max(MAX_LINKS).optional().describe("Only these; all by default."),
      expires_in: CreateResultLink.shape.expires_in.describe("Seconds until the links stop working."),
    }),
    call: resultLinks,
  }),
  tool({
    name: "share_job",
    title: "Share a splat",
    description:
      "Makes a link to a page that shows the splat of a completed job to whoever has the link, without a key.",
    endpoint: CREATE_SHARE,
    input: OF_JOB.extend({ ...CreateShare.shape, idempotency_key: IDEMPOTENCY_KEY }),
    call: (api, { job_id, idempotency_key, ...share }) =>
      api.post<ShareCreated>(`/jobs/${job_id}/shares`, share, idempotency_key),
  }),
  tool({
    name: "cancel_job",
    title: "Cancel a job",
    description: "Stops a job that has not ended. What it has computed is lost.",
    endpoint: CANCEL_JOB,
    isDestructive: true,
    input: OF_JOB,
    call: (api, { job_id }) => api.post<JobStatusView>(`/jobs/${job_id}/cancel`),
  }),
];

interface Definition<T extends z.ZodObject> extends Pick<Tool, "name" | "title" | "description"> {
  /** Its scope decides whether a key may use the tool, its method whether the tool changes something. */
  readonly endpoint: Operation;
  /** Other endpoints whose scopes the tool needs. */
  readonly alsoCalls?: readonly Operation[];
  readonly isDestructive?: true;
  readonly input: T;
  call(api: ToolApi, args: z.infer<T>, raw: Readonly<Record<string, unknown>>): Promise<object>;
}

function tool<T extends z.ZodObject>({
  endpoint,
  alsoCalls = [],
  input,
  isDestructive,
  call,
  ...about
}: Definition<T>): Tool {
  return {
    ...about,
    scopes: [endpoint, ...alsoCalls].map(({ scope }) => scope),
    isReadOnly: endpoint.method === "get",
    isDestructive: isDestructive ?? false,
    input: inputSchema(input, { isJsonBody: false }),
    call: (api, raw) => call(api, validate(input, raw, "body"), raw as Record<string, unknown>),
  };
}

async function waitForJob(
  api: ToolApi,
  { job_id, until, seconds }: { job_id: string; until: "end" | "change"; seconds: number },
): Promise<JobStatusView> {
  const end = Date.now() + seconds * 1000;
  let job = await api.get<JobStatusView>(`/jobs/${job_id}/status`);
  for (let changes = 0; !isTerminal(job.status) && changes < MAX_CHANGES; changes += 1) {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left <= 0) break;
    const before = job.version;
    job = await api.get<JobStatusView>(`/jobs/${job_id}/status?wait=${left}&after=${before}`);
    if (until === "change" && job.version !== before) break;
  }
  return job;
}

interface LinkedFile {
  readonly filename: string;
  readonly url: string;
  readonly expires_at: string;
  readonly size: number;
  readonly sha256: string;
  readonly content_type: string;
}

async function resultLinks(
  api: ToolApi,
  { job_id, files, expires_in }: { job_id: string; files?: string[] | undefined; expires_in: number },
): Promise<{ job_id: string; files: LinkedFile[] }> {
  const job = await api.get<JobStatusView>(`/jobs/${job_id}/status`);
  if (job.results === null) throw new ApiError("job_not_completed", `The job is ${job.status}.`);
  const results = job.results;
  const wanted = files ?? Object.keys(results).slice(0, MAX_LINKS);
  const linked = wanted.map(async (filename): Promise<LinkedFile> => {
    const path = `/jobs/${job_id}/results/${encodeURIComponent(filename)}/link`;
    const { url, expires_at } = await api.post<ResultLink>(path, { expires_in });
    const file = Object.hasOwn(results, filename) ? results[filename] : undefined;
    if (file === undefined) throw new ApiError("result_not_found", `The job has no file ${filename}.`);
    const { size, sha256, content_type } = file;
    return { filename, url, expires_at, size, sha256, content_type };
  });
  return { job_id, files: await Promise.all(linked) };
}

function queryOf(parameters: Readonly<Record<string, unknown>>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of [value ?? []].flat()) query.append(name, String(each));
  }
  return query;
}
