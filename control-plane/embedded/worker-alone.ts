import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, Response } from "miniflare";
import { COMPATIBILITY_DATE, COMPATIBILITY_FLAGS } from "./index.ts";
import { migrate } from "./migrate.ts";

const HOST = "127.0.0.1";

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
      name: "splatt",
      modulesRoot: dirname(script),
      modules: [{ type: "ESModule", path: script, contents: await readFile(script, "utf8") }],
      compatibilityDate: COMPATIBILITY_DATE,
      compatibilityFlags: COMPATIBILITY_FLAGS,
      host: HOST,
      port: 0,
      unsafeDirectSockets: [{ host: HOST, port: 0 }],
      cf: false,
      log: new Log(LogLevel.ERROR),
      handleStructuredLogs: ({ message }) => log.push(message),
      resourcePersistencePath: stateDir,
      d1Databases: { DB: "splatt" },
      r2Buckets: { BUCKET: "splatt" },
      durableObjects: {
        DISPATCHER: { className: "Dispatcher", useSQLite: true },
        WEBHOOK_SENDER: { className: "WebhookSender", useSQLite: true },
      },
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
