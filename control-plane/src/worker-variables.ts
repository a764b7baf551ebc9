/** Optional settings of the Worker: `vars` in wrangler.jsonc, and the environment of `npm start`. */
export interface WorkerVariables {
  /** The address at which clients reach the API, for links; by default the one that a request was sent to. */
  readonly PUBLIC_URL?: string;
}
