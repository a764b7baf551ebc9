import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, Response } from "miniflare";
import { COMPATIBILITY_DATE, COMPATIBILITY_FLAGS } from "../index.ts";
import { migrate } from "../migrate.ts";

/**
 * The version before this one, as it was packed and deployed: this version's agents and control planes must work with
 * it. `npm run keep-version` makes the archive.
 */
const ARCHIVE = join(import.meta.dirname, "version.tar.br");
const HOST = "127.0.0.1";

/** @returns the folder of the packed agent, which lacks its dependencies (`sharp`, `splat-transform`) */
export async function unpackPreviousVersion(dir: string): Promise<{ readonly agentDir: string }> {
  await mkdir(dir, { recursive: true });
  const tar = spawn("tar", ["-x", "-C", dir], { stdio: ["pipe", "ignore", "inherit"] });
  tar.stdin.end(await promisify(brotliDecompress)(await readFile(ARCHIVE)));
  const [code] = await once(tar, "exit");
  if (code !== 0) throw new Error(`tar ended with ${code}`);
  return { agentDir: join(dir, "agent") };
}

/**
 * The previous Worker on workerd, with R2 and D1 as on Cloudflare: without the front door, whose interface to the Worker
 * belongs to one version.
 *
 * @param dir where `unpackPreviousVersion` has unpacked it
 */
export async function startPreviousControlPlane(dir: string, apiKey: string) {
  const path = join(dir, "worker", "index.js");
  const log: string[] = [];
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "splatt",
      modulesRoot: join(dir, "worker"),
      modules: [{ type: "ESModule", path, contents: await readFile(path, "utf8") }],
      compatibilityDate: COMPATIBILITY_DATE,
      compatibilityFlags: COMPATIBILITY_FLAGS,
      host: HOST,
      port: 0,
      unsafeDirectSockets: [{ host: HOST, port: 0 }],
      cf: false,
      log: new Log(LogLevel.ERROR),
      handleStructuredLogs: ({ message }) => log.push(message),
      resourcePersistencePath: join(dir, "state"),
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
  await migrate(await miniflare.getD1Database("DB"), join(dir, "migrations"));
  return {
    url: (await miniflare.unsafeGetDirectURL()).origin,
    log,
    stop: () => miniflare.dispose(),
  };
}
