import { checkSourceUrl } from "@splatt/shared";
import { pino } from "pino";
import type { Resolve } from "../../../network/dial.ts";
import type { ProxySettings } from "../../../network/proxies.ts";
import { type FetchFileOptions, type FetchLimits, fetchFile } from "../fetch-file.ts";
import { guardedClient } from "../guarded-client.ts";
import type { LocalServer } from "./local-server.ts";

/** Short limits, so that tests are fast. */
export const TEST_LIMITS: FetchLimits = {
  maxBytes: 100_000_000,
  minFreeBytes: 0,
  stallMs: 20_000,
  maxTries: 3,
  backoff: { minMs: 1, maxMs: 2 },
  patienceMs: 5000,
  connections: 8,
};

export interface FetchOverrides extends Partial<Omit<FetchFileOptions, "limits" | "source" | "file">> {
  readonly limits?: Partial<FetchLimits>;
  readonly allowHosts?: readonly string[];
  readonly headers?: () => Record<string, string>;
  readonly resolve?: Resolve;
  readonly proxies?: ProxySettings;
  readonly contact?: string;
}

/** Fetches a path of `server`, which is allowed despite its loopback address. */
export function fetchFrom(server: LocalServer, path: string, file: string, overrides: FetchOverrides = {}) {
  return fetchUrl(`${server.origin}${path}`, file, { allowHosts: [server.host], ...overrides });
}

export async function fetchUrl(
  url: string,
  file: string,
  { limits, allowHosts = [], headers, resolve, proxies, contact, ...rest }: FetchOverrides = {},
) {
  const policy = { allowHttp: true, allowHosts };
  const client = guardedClient(policy, {
    ...(resolve ? { resolve } : {}),
    ...(proxies ? { proxies } : {}),
  });
  try {
    return await fetchFile({
      source: {
        url,
        send: client.send,
        check: (text, from) => checkSourceUrl(text, policy, from),
        ...(headers ? { headers } : {}),
        ...(contact ? { contact } : {}),
      },
      file,
      limits: { ...TEST_LIMITS, ...limits },
      signal: new AbortController().signal,
      log: pino({ level: "silent" }),
      onProgress: () => undefined,
      onlyVideo: true,
      ...rest,
    });
  } finally {
    client.close();
  }
}
