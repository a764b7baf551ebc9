import type { Env } from "../env.ts";

/**
 * The address of `path` for whoever is given it. The origin is `PUBLIC_URL` where that is set, and otherwise the one
 * that this request was sent to. A client that lies in `Host` gets a link that is of no use to it; no answer with such
 * a link is cached.
 */
export function publicUrl(env: Env, requestUrl: string, path: string): string {
  const base = env.PUBLIC_URL ? env.PUBLIC_URL.replace(/\/+$/, "") : new URL(requestUrl).origin;
  return `${base}${path}`;
}
