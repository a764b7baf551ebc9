import type { JobRow } from "../db/schema.ts";
import type { Env } from "../env.ts";
import { ApiError } from "../http/problem.ts";
import { WatchStream } from "./watch-stream.ts";

/**
 * Resolves when the job's version differs from `after`, or after `seconds`.
 *
 * @throws ApiError 401 when the key is revoked meanwhile
 */
export async function versionChanges(
  env: Env,
  job: JobRow,
  keyId: string | null,
  after: number,
  seconds: number,
): Promise<Response | null> {
  const seen = { version: after, event: 0, log: null, metrics: null };
  const stream = await WatchStream.open(env, job.pool, { jobId: job.id, keyId, seen });
  if (stream instanceof Response) return stream;
  const deadline = Date.now() + seconds * 1000;
  try {
    for (;;) {
      const message = await stream.next(deadline - Date.now());
      if (message?.type === "end" && message.reason === "key_revoked") throw new ApiError("unauthorized");
      if (message === null || message.type === "job" || message.type === "end") return null;
    }
  } finally {
    stream.close();
  }
}
