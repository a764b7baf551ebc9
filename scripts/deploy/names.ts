/** What a deployment is called on Cloudflare, and the file that keeps its ids and settings. */
export interface Names {
  /** The Worker's. */
  readonly worker: string;
  readonly database: string;
  readonly bucket: string;
  /** In control-plane/; ignored by git. */
  readonly configFile: string;
  /** Next to it: the first API key, from before it is deployed until it has been shown. */
  readonly keyFile: string;
}

/** @param environment `production`, or another deployment, such as `staging` */
export function namesOf(environment: string): Names {
  const name = environment === "production" ? "splatt" : `splatt-${environment}`;
  return {
    worker: name,
    database: name,
    bucket: name,
    configFile: `wrangler.${environment}.json`,
    keyFile: `wrangler.${environment}.first-key.json`,
  };
}

/** Within Cloudflare's rules for names of Workers and buckets. */
export const ENVIRONMENT_NAME = /^[a-z][a-z0-9-]{0,30}$/;
