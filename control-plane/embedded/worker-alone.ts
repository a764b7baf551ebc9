import { readFile } from "node:fs/promises";
import { convertV4MiniflareOptions, Miniflare, Response } from "miniflare";
import { migrate } from "./migrate.ts";
import { runtimeOptions } from "./runtime-options.ts";

export interface WorkerAlone {
  readonly url: string;
  readonly log: readonly string[];
  stop(): Promise<void>;
}

/**
 * A Worker as it is deployed, on workerd with R2 and D1: as on Cloudflare, without the front door and its limits, and
 * without pages.
 *
 * @param script the Worker's bundle
 * @param stateDir the databases; those of an embedded control plane fit too
 * @param migrations a folder, by default that of this version
 */
export async function startWorkerAlone(options: {
  readonly script: string;
  readonly stateDir: string;
  readonly apiKey: string;
  readonly migrations?: string;
}): Promise<WorkerAlone> {
  const { script, stateDir, apiKey, migrations } = options;
  const log: string[] = [];
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...runtimeOptions({ path: script, contents: await readFile(script, "utf8") }),
      handleStructuredLogs: ({ message }) => log.push(message),
      resourcePersistencePath: stateDir,
      r2Buckets: { BUCKET: "splatt" },
      serviceBindings: { ASSETS: () => new Response(null, { status: 404 }) },
      bindings: { GPU_API_KEY: apiKey, ALLOW_HOSTS: "", ALLOW_HTTP: "false", CORS_ORIGINS: "" },
    }),
  );
  await miniflare.ready;
  await migrate(await miniflare.getD1Database("DB"), migrations);
  return {
    url: (await miniflare.unsafeGetDirectURL()).origin,
    log,
    stop: () => miniflare.dispose(),
  };
}
