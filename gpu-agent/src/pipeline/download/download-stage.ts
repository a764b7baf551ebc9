import { join } from "node:path";
import {
  checkSourceUrl,
  type Failure,
  type JobSource,
  ok,
  type Result,
  type SourcePolicy,
} from "@splatt/shared";
import { z } from "zod";
import type { ProxySettings } from "../../network/proxies.ts";
import type { Stage } from "../stage.ts";
import { type FetchFileOptions, type FetchLimits, type FetchProgress, fetchFile } from "./fetch-file.ts";
import { guardedClient } from "./guarded-client.ts";

export interface DownloadConfig extends SourcePolicy {
  readonly proxies?: ProxySettings;
  /** Sent in the User-Agent: an e-mail address or a URL. */
  readonly contact?: string | null;
  readonly limits: FetchLimits;
}

export type DownloadInput = Extract<JobSource, { kind: "url" }>;

export const DownloadOutput = z.object({
  /** In the stage's folder; never a name from a client or server. */
  file: z.literal("source"),
  /** Bytes. */
  size: z.int().positive(),
  sha256: z.string(),
});
export type DownloadOutput = z.infer<typeof DownloadOutput>;

export const DEFAULT_FETCH_LIMITS: FetchLimits = {
  maxBytes: 20 * 1024 ** 3,
  minFreeBytes: 2 * 1024 ** 3,
  stallMs: 60_000,
  maxTries: 6,
  backoff: { minMs: 1000, maxMs: 30_000 },
  patienceMs: 15 * 60_000,
  connections: 8,
};

/**
 * Downloads the video from a public URL.
 *
 * Fails with the `source_…` codes, `disk_full` and `agent_stopped`.
 */
export function createDownloadStage(config: DownloadConfig): Stage<DownloadInput, DownloadOutput> {
  const { send } = guardedClient(config, config);
  return {
    name: "download",
    token: "network",
    key: ({ url }) => url,
    run: ({ url }, context) =>
      fetchSource({
        source: {
          url,
          send,
          check: (text, from) => checkSourceUrl(text, config, from),
          ...(config.contact == null ? {} : { contact: config.contact }),
        },
        file: join(context.dir, "source"),
        limits: config.limits,
        signal: context.signal,
        log: context.log,
        onProgress: (progress) => context.report(describeProgress(progress)),
        onlyVideo: true,
      }),
  };
}

/** `fetchFile` with the download stage's output. */
export async function fetchSource(options: FetchFileOptions): Promise<Result<DownloadOutput, Failure>> {
  const fetched = await fetchFile(options);
  return fetched.ok ? ok({ file: "source", ...fetched.value }) : fetched;
}

/** "12.5 of 48.0 MB, 8.3 MB/s". */
export function describeProgress({ received, total, bytesPerSecond, waitingMs }: FetchProgress): {
  fraction: number;
  message: string;
} {
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
  const size = total === null ? `${mb(received)} MB` : `${mb(received)} of ${mb(total)} MB`;
  const rate = bytesPerSecond > 0 ? `, ${mb(bytesPerSecond)} MB/s` : "";
  return {
    fraction: total === null || total === 0 ? 0 : Math.min(1, received / total),
    message:
      waitingMs === undefined
        ? `downloading: ${size}${rate}`
        : `downloading: the server asks to try again in ${Math.ceil(waitingMs / 1000)} s`,
  };
}
