import { join } from "node:path";
import { err, type Fence, failure, type JobSource, ok } from "@splatt/shared";
import type { ControlPlaneClient } from "../../control-plane-client.ts";
import { sendThrough } from "../../network/http-client.ts";
import type { Stage } from "../stage.ts";
import { type DownloadOutput, describeProgress, fetchSource } from "./download-stage.ts";
import type { FetchLimits } from "./fetch-file.ts";

export type UploadedVideoInput = Extract<JobSource, { kind: "upload" }>;

/**
 * Fetches an uploaded video from the agent's own control plane. Its URL comes from the agent's owner, not from a job,
 * so it may be private. The download retries while the control plane is unreachable, or does not yet know the
 * lease after a reconnect.
 */
export function createUploadedVideoStage(
  client: ControlPlaneClient,
  fence: () => Fence,
  limits: FetchLimits,
): Stage<UploadedVideoInput, DownloadOutput> {
  return {
    name: "download",
    token: "network",
    key: ({ size }) => ["upload", size],
    run: async ({ size, sha256 }, context) => {
      const fetched = await fetchSource({
        source: {
          url: client.url(`/agent/jobs/${fence().job_id}/input`).href,
          send: sendThrough(client.dispatcher),
          headers: () => client.headers(fence()),
          check: (url, from) => ok(new URL(url, from)),
        },
        file: join(context.dir, "source"),
        limits: { ...limits, maxBytes: Math.max(limits.maxBytes, size) },
        signal: context.signal,
        log: context.log,
        onProgress: (progress) => context.report(describeProgress(progress)),
        // No link to correct here; the frames stage reports a file that is not a video.
        onlyVideo: false,
        isTransient: (status, answer) => status === 0 || status >= 500 || answer.includes('"stale_lease"'),
      });
      if (fetched.ok && sha256 !== undefined && fetched.value.sha256 !== sha256) {
        return err(failure("source_damaged", `Expected ${sha256}, got ${fetched.value.sha256}.`));
      }
      return fetched;
    },
  };
}
