/** Optional settings of the Worker: `vars` in wrangler.jsonc, and the environment of `npm start`. */
export interface WorkerVariables {
  /** The address at which clients reach the API, for links; by default the one that a request was sent to. */
  readonly PUBLIC_URL?: string | undefined;
  /** The bootstrap key before `GPU_API_KEY`, while clients change to the new one; a secret. */
  readonly GPU_API_KEY_PREVIOUS?: string | undefined;
  /** Opens `GET /metrics`, and nothing else, as a bearer token; a secret. */
  readonly METRICS_TOKEN?: string | undefined;
  /** The sites whose pages may use the API: origins separated by commas, or `*`. */
  readonly CORS_ORIGINS?: string | undefined;
  /** Days after the end of its last job until an uploaded video is removed: 7 by default, `off` for never. */
  readonly INPUT_RETENTION_DAYS?: string | undefined;
  /** Days after a job's end until its results are removed; `off`, the default, for never. */
  readonly RESULT_RETENTION_DAYS?: string | undefined;
}
