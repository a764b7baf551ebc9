import { join } from "node:path";
import { type Fence, type JobSource, ok } from "@splatt/shared";
import type { ControlPlaneClient } from "../../control-plane-client.ts";
import { sendThrough } from "../../network/http-client.ts";
import type { Stage } from "../stage.ts";
import { type DownloadOutput, describeProgress, fetchSource } from "./download-stage.ts";
import type { FetchLimits } from "./fetch-file.ts";

export type UploadedVideoInput = Extract<JobSource, { kind: "upload" }>;

/**
 * Fetches a video that a client uploaded, from the agent's own control plane. That address comes from the
 * agent's owner, not from a job, so it may well be a private one. A control plane that is away, or that does
 * not know the lease yet after a reconnect, is waited for.
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
    run: ({ size }, context) =>
      fetchSource({
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
        // There is no link to mend: that the file is not a video is for the frames stage to say.
        onlyVideo: false,
        mayPass: (status, answer) => status === 0 || status >= 500 || answer.includes('"stale_lease"'),
      }),
  };
}
