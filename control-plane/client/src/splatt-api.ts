import {
  AgentCreated,
  AgentDraining,
  AgentList,
  AuditList,
  BulkAnswer,
  CallbackSecret,
  type CreateAgent,
  type CreateJob,
  type CreateKey,
  type CreateResultLink,
  type CreateShare,
  type CreateUpload,
  type CreateWebhook,
  DeliveryList,
  DeliveryView,
  Health,
  JobCreated,
  JobEventList,
  JobList,
  JobLogs,
  type JobStatus,
  JobStatusView,
  JobView,
  KeyCreated,
  KeyList,
  KeyView,
  Me,
  Message,
  ResultLink,
  SessionCreated,
  ShareCreated,
  ShareList,
  ShareMeta,
  SharePage,
  UploadedPart,
  UploadList,
  UploadPartList,
  UploadView,
  UsageList,
  WebhookCreated,
  WebhookList,
  WebhookView,
} from "@splatt/shared";
import { z } from "zod";
import { type CallOptions, Http, type RequestBody, type SplattOptions } from "./http.ts";

/** A body of which `Required` fields must be given, and the others have defaults. */
export type Body<T, Required extends keyof T = never> = { readonly [K in keyof T]?: T[K] | undefined } & Pick<
  T,
  Required
>;

/** A new job: one of `upload_id`, `upload_ids`, `video_url` and `filebin_url` says where the video is. */
export type JobFields = Body<CreateJob, "task_id">;

export interface Page {
  readonly limit?: number | undefined;
  /** `next_cursor` of the page before. */
  readonly cursor?: string | undefined;
}

/** Which jobs to list: all that match all of these. */
export interface JobFilters extends Page {
  readonly task_id?: string | undefined;
  /** `key=value`; all of them. */
  readonly label?: string | readonly string[] | undefined;
  /** One of them. */
  readonly status?: JobStatus | readonly JobStatus[] | undefined;
  readonly pool?: string | undefined;
  /** ISO 8601: from the first time, before the second. */
  readonly created_after?: string | undefined;
  readonly created_before?: string | undefined;
}

/** A method for each operation of the API's OpenAPI document, under the operation's id. */
export class SplattApi {
  protected readonly http: Http;

  constructor(options: SplattOptions = {}) {
    this.http = new Http(options);
  }

  /** The control plane's origin. */
  get url(): string {
    return this.http.origin;
  }

  // Jobs

  createJob(job: JobFields, options?: CallOptions): Promise<JobCreated> {
    return this.#create("/jobs", JobCreated, job, options);
  }

  /** A page of jobs, newest first. `next_cursor` of a page is the `cursor` of the next; null ends the list. */
  listJobs(filters: JobFilters = {}, options?: CallOptions): Promise<JobList> {
    return this.#get("/jobs", JobList, options, filters);
  }

  getJob(jobId: string, options?: CallOptions): Promise<JobView> {
    return this.#get(`/jobs/${segment(jobId)}`, JobView, options);
  }

  /** With `wait`, answers when the job's version differs from `after`, at the latest after `wait` seconds. */
  getJobStatus(
    jobId: string,
    { signal, wait, after }: CallOptions & { wait?: number; after?: number } = {},
  ): Promise<JobStatusView> {
    return this.#get(`/jobs/${segment(jobId)}/status`, JobStatusView, { signal }, { wait, after });
  }

  getJobEvents(jobId: string, options?: CallOptions): Promise<z.infer<typeof JobEventList>> {
    return this.#get(`/jobs/${segment(jobId)}/events`, JobEventList, options);
  }

  /** Lines of a job's log. @param from the first one; negative counts from the end */
  getJobLogs(
    jobId: string,
    { from = 0, limit, signal }: CallOptions & { from?: number; limit?: number } = {},
  ): Promise<JobLogs> {
    return this.#get(`/jobs/${segment(jobId)}/logs`, JobLogs, { signal }, { from, limit });
  }

  cancelJob(jobId: string, options?: CallOptions): Promise<JobStatusView> {
    return this.#post(`/jobs/${segment(jobId)}/cancel`, JobStatusView, undefined, options);
  }

  /** Runs an ended job again as a new job. @param changes options that differ */
  retryJob(jobId: string, changes: Body<CreateJob> = {}, options?: CallOptions): Promise<JobCreated> {
    return this.#create(`/jobs/${segment(jobId)}/retry`, JobCreated, changes, options);
  }

  deleteJob(jobId: string, options?: CallOptions): Promise<MessageView> {
    return this.#delete(`/jobs/${segment(jobId)}`, options);
  }

  /** Up to 100 jobs. Each is treated as if it were alone. */
  cancelJobs(jobIds: readonly string[], options?: CallOptions): Promise<BulkAnswer> {
    return this.#post("/jobs/cancel", BulkAnswer, { job_ids: jobIds }, options);
  }

  deleteJobs(jobIds: readonly string[], options?: CallOptions): Promise<BulkAnswer> {
    return this.#post("/jobs/delete", BulkAnswer, { job_ids: jobIds }, options);
  }

  /** Keeps a job's files from retention. */
  pinJob(jobId: string, options?: CallOptions): Promise<JobView> {
    return this.#post(`/jobs/${segment(jobId)}/pin`, JobView, undefined, options);
  }

  unpinJob(jobId: string, options: CallOptions = {}): Promise<JobView> {
    return this.http.json(JobView, "DELETE", `/jobs/${segment(jobId)}/pin`, options);
  }

  // Results and shares

  getResult(jobId: string, filename: string, options: CallOptions = {}): Promise<Response> {
    const path = `/jobs/${segment(jobId)}/results/${segment(filename)}`;
    return this.http.request("GET", path, options);
  }

  /** All result files as one ZIP archive. */
  getResultsArchive(jobId: string, options: CallOptions = {}): Promise<Response> {
    return this.http.request("GET", `/jobs/${segment(jobId)}/results.zip`, options);
  }

  /** Makes a link to a result file that works without a key, for an hour or `expires_in` seconds. */
  createResultLink(
    jobId: string,
    filename: string,
    link: Body<CreateResultLink> = {},
    options?: CallOptions,
  ): Promise<ResultLink> {
    return this.#post(`/jobs/${segment(jobId)}/results/${segment(filename)}/link`, ResultLink, link, options);
  }

  getLinkedResult(token: string, filename: string, options: CallOptions = {}): Promise<Response> {
    return this.http.request("GET", `/links/${segment(token)}/${segment(filename)}`, options);
  }

  /** Makes a link that shows the splat of a completed job to whoever has it. */
  createShare(jobId: string, share: Body<CreateShare> = {}, options?: CallOptions): Promise<ShareCreated> {
    return this.#create(`/jobs/${segment(jobId)}/shares`, ShareCreated, share, options);
  }

  listShares(jobId: string, options?: CallOptions): Promise<ShareList> {
    return this.#get(`/jobs/${segment(jobId)}/shares`, ShareList, options);
  }

  /** The shares of all jobs, newest first. */
  listAllShares(page: Page = {}, options?: CallOptions): Promise<SharePage> {
    return this.#get("/shares", SharePage, options, page);
  }

  deleteShare(shareId: string, options?: CallOptions): Promise<MessageView> {
    return this.#delete(`/shares/${segment(shareId)}`, options);
  }

  getShareMeta(token: string, options?: CallOptions): Promise<ShareMeta> {
    return this.#get(`/s/${segment(token)}/meta`, ShareMeta, options);
  }

  getSharedFile(token: string, filename: string, options: CallOptions = {}): Promise<Response> {
    return this.http.request("GET", `/s/${segment(token)}/files/${segment(filename)}`, options);
  }

  // Uploads

  createUpload(upload: Body<CreateUpload, "filename" | "size">, options?: CallOptions): Promise<UploadView> {
    return this.#create("/uploads", UploadView, upload, options);
  }

  /** The uploads of this key, newest first. */
  listUploads(
    query: Page & { readonly status?: "open" | "completed" | undefined } = {},
    options?: CallOptions,
  ): Promise<UploadList> {
    return this.#get("/uploads", UploadList, options, query);
  }

  getUpload(uploadId: string, options?: CallOptions): Promise<UploadView> {
    return this.#get(`/uploads/${segment(uploadId)}`, UploadView, options);
  }

  listUploadParts(uploadId: string, options?: CallOptions): Promise<UploadPartList> {
    return this.#get(`/uploads/${segment(uploadId)}/parts`, UploadPartList, options);
  }

  async putPart(
    uploadId: string,
    number: number,
    body: RequestBody,
    options: CallOptions = {},
  ): Promise<UploadedPart> {
    return this.http.json(UploadedPart, "PUT", `/uploads/${segment(uploadId)}/parts/${number}`, {
      ...options,
      body,
    });
  }

  completeUpload(uploadId: string, options?: CallOptions): Promise<UploadView> {
    return this.#post(`/uploads/${segment(uploadId)}/complete`, UploadView, undefined, options);
  }

  deleteUpload(uploadId: string, options?: CallOptions): Promise<MessageView> {
    return this.#delete(`/uploads/${segment(uploadId)}`, options);
  }

  // Agents

  /** The answer is the only one that has the agent's token. */
  createAgent(agent: Body<CreateAgent, "name">, options?: CallOptions): Promise<AgentCreated> {
    return this.#create("/agents", AgentCreated, agent, options);
  }

  listAgents(options?: CallOptions): Promise<z.infer<typeof AgentList>> {
    return this.#get("/agents", AgentList, options);
  }

  /** Lets an agent finish its jobs and exit. */
  drainAgent(
    agentId: string,
    drain: { readonly deadline_sec?: number } = {},
    options?: CallOptions,
  ): Promise<z.infer<typeof AgentDraining>> {
    return this.#post(`/agents/${segment(agentId)}/drain`, AgentDraining, drain, options);
  }

  deleteAgent(agentId: string, options?: CallOptions): Promise<MessageView> {
    return this.#delete(`/agents/${segment(agentId)}`, options);
  }

  // Webhooks

  /** The answer is the only one that has the webhook's secret. */
  createWebhook(
    webhook: Body<z.infer<typeof CreateWebhook>, "url">,
    options?: CallOptions,
  ): Promise<WebhookCreated> {
    return this.#create("/webhooks", WebhookCreated, webhook, options);
  }

  listWebhooks(page: Page = {}, options?: CallOptions): Promise<WebhookList> {
    return this.#get("/webhooks", WebhookList, options, page);
  }

  getWebhook(webhookId: string, options?: CallOptions): Promise<WebhookView> {
    return this.#get(`/webhooks/${segment(webhookId)}`, WebhookView, options);
  }

  deleteWebhook(webhookId: string, options?: CallOptions): Promise<MessageView> {
    return this.#delete(`/webhooks/${segment(webhookId)}`, options);
  }

  /** Sends a test event, and answers with its delivery. */
  testWebhook(webhookId: string, options?: CallOptions): Promise<DeliveryView> {
    return this.#post(`/webhooks/${segment(webhookId)}/test`, DeliveryView, undefined, options);
  }

  listWebhookDeliveries(webhookId: string, page: Page = {}, options?: CallOptions): Promise<DeliveryList> {
    return this.#get(`/webhooks/${segment(webhookId)}/deliveries`, DeliveryList, options, page);
  }

  listJobDeliveries(jobId: string, options?: CallOptions): Promise<DeliveryList> {
    return this.#get(`/jobs/${segment(jobId)}/deliveries`, DeliveryList, options);
  }

  redeliver(deliveryId: string, options?: CallOptions): Promise<DeliveryView> {
    return this.#post(`/deliveries/${segment(deliveryId)}/redeliver`, DeliveryView, undefined, options);
  }

  /** The secret that signs the events that jobs send to their `callback_url`. */
  getCallbackSecret(options?: CallOptions): Promise<z.infer<typeof CallbackSecret>> {
    return this.#get("/webhooks/callback-secret", CallbackSecret, options);
  }

  // Keys

  /** The answer is the only one that has the key. */
  createKey(key: Body<CreateKey, "name" | "scopes">, options?: CallOptions): Promise<KeyCreated> {
    return this.#create("/keys", KeyCreated, key, options);
  }

  listKeys(page: Page = {}, options?: CallOptions): Promise<KeyList> {
    return this.#get("/keys", KeyList, options, page);
  }

  getKey(keyId: string, options?: CallOptions): Promise<KeyView> {
    return this.#get(`/keys/${segment(keyId)}`, KeyView, options);
  }

  deleteKey(keyId: string, options?: CallOptions): Promise<MessageView> {
    return this.#delete(`/keys/${segment(keyId)}`, options);
  }

  /** What this client's key may do. */
  getMe(options?: CallOptions): Promise<Me> {
    return this.#get("/me", Me, options);
  }

  /** @param query days such as `2027-01-31` */
  getUsage(
    query: { readonly from?: string; readonly to?: string; readonly key_id?: string } = {},
    options?: CallOptions,
  ): Promise<UsageList> {
    return this.#get("/usage", UsageList, options, query);
  }

  getAudit(page: Page = {}, options?: CallOptions): Promise<AuditList> {
    return this.#get("/audit", AuditList, options, page);
  }

  /** Signs a browser in: exchanges a key for a session cookie. */
  createSession(apiKey: string, options?: CallOptions): Promise<SessionCreated> {
    return this.#post("/session", SessionCreated, { api_key: apiKey }, options);
  }

  deleteSession(options?: CallOptions): Promise<MessageView> {
    return this.#delete("/session", options);
  }

  // The service

  /** Metrics in the text format of Prometheus. */
  async getMetrics(options: CallOptions = {}): Promise<string> {
    return (await this.http.request("GET", "/metrics", options)).text();
  }

  getHealth(options?: CallOptions): Promise<Health> {
    return this.#get("/health", Health, options);
  }

  getOpenApi(options?: CallOptions): Promise<Record<string, unknown>> {
    return this.#get("/openapi.json", z.record(z.string(), z.unknown()), options);
  }

  async getLlmsText(options: CallOptions = {}): Promise<string> {
    return (await this.http.request("GET", "/llms.txt", options)).text();
  }

  #get<T extends z.ZodType>(path: string, schema: T, options: CallOptions = {}, query: object = {}) {
    return this.http.json(schema, "GET", path, { ...options, query });
  }

  #post<T extends z.ZodType>(path: string, schema: T, json: unknown, options: CallOptions = {}) {
    return this.http.json(schema, "POST", path, { ...options, json });
  }

  #create<T extends z.ZodType>(path: string, schema: T, json: unknown, options: CallOptions = {}) {
    return this.http.json(schema, "POST", path, { ...options, json, creates: true });
  }

  #delete(path: string, options: CallOptions = {}) {
    return this.http.json(Message, "DELETE", path, options);
  }
}

type MessageView = z.infer<typeof Message>;

/** An id as one segment of a path, whatever it contains. */
export function segment(id: string): string {
  return encodeURIComponent(id);
}
